"""An upgrade is silent: a data folder of an earlier commit, and the test that goes on from it."""
