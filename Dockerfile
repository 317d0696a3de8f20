# Two stages: dependencies by hash, then only what runs. Nothing is written into the image at run
# time, so the root file system can be read-only.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock /build/requirements.lock
RUN python -m venv --without-pip /opt/millrace \
    && pip --python /opt/millrace/bin/python install --require-hashes --only-binary :all: -r /build/requirements.lock \
    # A quarter is of no use at run time: tests, C sources, locales that no page is in, and grammars
    # to colour program text with.
    && find /opt/millrace/lib -type d \( -name tests -o -path '*/pygments/lexers' \) -prune -exec rm -r {} + \
    && find /opt/millrace/lib -path '*/babel/locale-data/*' ! -name 'root.dat' ! -name 'en*.dat' ! -name 'zh*.dat' -delete \
    && find /opt/millrace/lib -type f \( -name '*.pyx' -o -name '*.c' -o -name '*.h' -o -name '*.pyi' \) -delete
COPY core /opt/millrace/app/core
COPY store /opt/millrace/app/store
COPY workers /opt/millrace/app/workers
COPY service /opt/millrace/app/service
COPY millrace /opt/millrace/app/millrace
RUN /opt/millrace/bin/python -m compileall -q /opt/millrace/app /opt/millrace/lib

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="Many overlapping news sources in, one clean merged feed out" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 millrace \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin millrace \
    && install --directory --owner millrace --group millrace /data
COPY --from=build /opt/millrace /opt/millrace
ENV PATH=/opt/millrace/bin:$PATH \
    PYTHONPATH=/opt/millrace/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MILLRACE_CONFIG=/config/feeds.yaml \
    MILLRACE_DATA=/data \
    MILLRACE_HOST=0.0.0.0 \
    MILLRACE_PORT=8080 \
    MILLRACE_LOG=json
COPY feeds.yaml /config/feeds.yaml
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-m", "millrace.healthcheck", "service"]
ENTRYPOINT ["python", "-m", "millrace"]
CMD ["serve"]
