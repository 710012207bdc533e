# Telwerk's server. Build it from the root of the repository: docker build -t telwerk .
#
# The image listens beyond its own loopback, for otherwise no port could be published. The server then refuses to start
# until each of two things is decided, and says so; this image decides neither for you, because a container that was
# started in a hurry must not stand open:
#
#   TLS       -e TELWERK_TLS_CERT=/tls/tls.crt -e TELWERK_TLS_KEY=/tls/tls.key -v /etc/telwerk/tls:/tls:ro
#             or --insecure-plaintext, where a proxy or a private network protects the wire
#   API keys  -e TELWERK_KEYS_FILE=/data/keys.toml, made by: docker run --rm -v telwerk:/data telwerk \
#                 keys create --file /data/keys.toml --account acme --role ingest --role query
#             or --insecure-no-auth, where something else decides who reaches it
#
# To look around on your own machine, without either, published on its loopback only:
#
#   docker run --rm -p 127.0.0.1:50051:50051 -v telwerk:/data telwerk serve --insecure-plaintext --insecure-no-auth

# A folder of the host instead of a volume must belong to the user that the image runs as:
#
#   sudo install -d -o 65532 -g 65532 -m 0700 /srv/telwerk
#   docker run ... -v /srv/telwerk:/data telwerk
#
# `make image-digest` pins the base to what its tag means today; `make image-lock` renews the locked dependencies.
ARG BASE=python:3.13.9-slim-trixie
ARG NODE=node:22.21.1-trixie-slim

# The page, which is files for browsers: node is not in the image.
FROM ${NODE} AS page
WORKDIR /src
COPY clients/page/package.json clients/page/package-lock.json clients/page/.npmrc clients/page/
# By the checksums of the lock, and without running anything of a package's own.
RUN npm --prefix clients/page ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY clients/typescript/src/gen clients/typescript/src/gen
COPY clients/python/telwerk/cli clients/python/telwerk/cli
COPY clients/page clients/page
RUN npm --prefix clients/page run --silent build

FROM ${BASE} AS build
WORKDIR /src
# Without pip in it: the environment is copied as it is, and carries only what runs.
RUN python -m venv --without-pip /opt/telwerk
COPY deploy/image.lock deploy/image-build.lock deploy/
# Wheels only: should a dependency have none for this platform, the build fails here and names it, without a compiler.
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r deploy/image-build.lock \
    && pip --python /opt/telwerk/bin/python install --no-cache-dir --only-binary :all: --require-hashes \
        -r deploy/image.lock
COPY pyproject.toml README.md LICENSE ./
COPY clients/python clients/python
COPY service service
COPY --from=page /src/service/telwerkd/page service/telwerkd/page
# Nothing is fetched here any more: all that these two need is locked above.
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels ./clients/python . \
    && pip --python /opt/telwerk/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Telwerk" \
      org.opencontainers.image.description="Exact KPI counters for live-chat customer service, over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY LICENSE /usr/share/doc/telwerk/LICENSE
COPY --from=build /opt/telwerk /opt/telwerk
# By number, so that Kubernetes' runAsNonRoot can be sure; /data is that user's before it becomes a volume.
RUN install -d -o 65532 -g 65532 -m 0700 /data
USER 65532:65532
WORKDIR /data
VOLUME ["/data"]
EXPOSE 50051
# As environment, not as arguments of CMD, so that they hold for every subcommand and with flags of your own. Not the
# database: telwerk.db in this working folder is the default, and TELWERK_DATABASE_FILE may name another.
# Five seconds of grace leave time to store what was taken in before Docker's ten are over.
ENV PATH=/opt/telwerk/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TELWERK_LISTEN=0.0.0.0:50051 \
    TELWERK_GRACE_SECONDS=5
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["telwerkd", "health"]
ENTRYPOINT ["telwerkd"]
CMD ["serve"]
