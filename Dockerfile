# The same code and lock as on a laptop, without the tools of development; the database is outside (compose.yaml).
FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/jovey
RUN python -m venv .venv && .venv/bin/pip install --no-cache-dir uv==0.13.9
COPY requirements.lock pyproject.toml README.md ./
# the lock's versions and hashes, for what pyproject.toml names as needed at run time and to install
RUN .venv/bin/uv pip install --no-cache --python .venv/bin/python --require-hashes \
      -r pyproject.toml --extra build -c requirements.lock
COPY warehouse warehouse
COPY api api
COPY assets assets
COPY orchestration orchestration
COPY dashboards dashboards
COPY dagster.yaml workspace.yaml ./
RUN .venv/bin/uv pip install --no-cache --python .venv/bin/python --no-deps --no-build-isolation --editable .
# who runs it may not write here: uncompiled, every program would compile all it imports at each start
RUN .venv/bin/python -m compileall -q -j 0 .venv/lib warehouse api assets orchestration dashboards

FROM python:3.11-slim-bookworm
RUN useradd --system --create-home --home-dir /var/lib/jovey jovey
COPY --from=build /srv/jovey /srv/jovey
USER jovey
WORKDIR /var/lib/jovey
ENV PATH=/srv/jovey/.venv/bin:$PATH PYTHONUNBUFFERED=1 JOVEY_HOME=/var/lib/jovey/home JOVEY_API_HOST=0.0.0.0
VOLUME /var/lib/jovey
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["jovey", "up"]
