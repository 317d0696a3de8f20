"""The jobs: poll a source, read a page, deliver; and what each leaves behind."""
