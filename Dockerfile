# Rondan in a container: `docker compose up -d` (compose.yaml), docs/operating.md.
FROM python:3.11-slim AS build
WORKDIR /srv/rondan
RUN python -m venv .venv && python -m venv tools
COPY requirements.lock requirements.run.lock ./
RUN .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.run.lock
# What makes the package is pinned with all that tests need, and stays behind.
RUN tools/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY commands commands
COPY core core
COPY digest digest
COPY storage storage
RUN tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir made . \
    && .venv/bin/pip install --no-cache-dir --no-deps made/*.whl

FROM python:3.11-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends fonts-ipaexfont-gothic fonts-noto-color-emoji \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin rondan \
    && install -d -o rondan -g rondan -m 0700 /data
COPY --from=build /srv/rondan/.venv /srv/rondan/.venv
ENV PATH=/srv/rondan/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    RONDAN_DATABASE=/data/rondan.db \
    RONDAN_LOG=json
USER rondan
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["rondan", "healthcheck"]
ENTRYPOINT ["rondan"]
CMD ["run"]
