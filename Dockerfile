# Images of AlignFlow's programs: targets coordinator, worker (CPU cores) and worker-cuda (one GPU).
#   docker build --target coordinator -t alignflow-coordinator:0.1.0 .
# Every image is Debian 12 with one of the Debian packages that the first stage makes: what they depend on is said there alone.
# They run as uid and gid 10001 and need no capability. With a read-only root they want their volume and a tmpfs on /tmp.
ARG DEBIAN=docker.io/library/debian:bookworm-slim

FROM ${DEBIAN} AS build
WORKDIR /src
COPY scripts scripts
RUN scripts/setup.sh --build-only && apt-get clean
COPY . .
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DALIGNFLOW_TESTS=OFF -DALIGNFLOW_CUDA=ON \
    && ninja -C build alignflow-coordinator alignflow-worker afctl \
    && cpack --config build/CPackConfig.cmake \
    && rm -rf build/packages/_CPack_Packages

FROM build AS build-cuda
RUN scripts/setup.sh --build-only --cuda \
    && cmake --preset release -DALIGNFLOW_TESTS=OFF -DALIGNFLOW_CUDA=ON -DALIGNFLOW_PACKAGE_CUDA=ON \
    && ninja -C build alignflow-coordinator alignflow-worker afctl \
    && cpack --config build/CPackConfig.cmake -D CPACK_COMPONENTS_ALL=worker-cuda \
    && rm -rf build/packages/_CPack_Packages

FROM ${DEBIAN} AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="AlignFlow" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 alignflow \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/alignflow --no-create-home --shell /usr/sbin/nologin alignflow
STOPSIGNAL SIGTERM

FROM base AS coordinator
LABEL org.opencontainers.image.title="alignflow-coordinator" \
      org.opencontainers.image.description="Keeps AlignFlow's datasets, jobs and results, and leases tasks to workers"
RUN --mount=type=bind,from=build,source=/src/build/packages,target=/packages \
    apt-get update && apt-get install -y --no-install-recommends /packages/alignflow-coordinator_*.deb \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old /var/cache/ldconfig/*
# The state is a folder in the volume: the coordinator takes rights away from it, which a volume's own root may not allow.
VOLUME /var/lib/alignflow
USER 10001:10001
EXPOSE 7400
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
  CMD ["/usr/bin/alignflow-coordinator", "--probe", "--state-dir", "/var/lib/alignflow/state"]
ENTRYPOINT ["/usr/bin/alignflow-coordinator"]
CMD ["--state-dir", "/var/lib/alignflow/state", "--listen", "0.0.0.0:7400", \
     "--tls-cert", "/run/secrets/server.pem", "--tls-key", "/run/secrets/server-key.pem"]

FROM base AS worker
LABEL org.opencontainers.image.title="alignflow-worker" \
      org.opencontainers.image.description="Computes tasks of an AlignFlow coordinator"
RUN --mount=type=bind,from=build,source=/src/build/packages,target=/packages \
    useradd --system --user-group --no-create-home --shell /usr/sbin/nologin alignflow-worker \
    && apt-get update && apt-get install -y --no-install-recommends /packages/alignflow-worker_*.deb \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old /var/cache/ldconfig/* \
    && chown 10001:10001 /var/cache/alignflow
# The cache is the folder alignflow in the volume.
ENV XDG_CACHE_HOME=/var/cache/alignflow
VOLUME /var/cache/alignflow
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/usr/bin/alignflow-worker", "--probe"]
ENTRYPOINT ["/usr/bin/alignflow-worker"]
CMD ["--coordinator", "coordinator:7400", "--ca", "/run/secrets/ca.pem", "--key-file", "/run/secrets/worker-key"]

FROM worker AS worker-cuda
LABEL org.opencontainers.image.title="alignflow-worker-cuda" \
      org.opencontainers.image.description="Computes tasks of an AlignFlow coordinator on an NVIDIA GPU"
USER 0:0
RUN --mount=type=bind,from=build-cuda,source=/src/build/packages,target=/packages \
    dpkg --install /packages/alignflow-worker-cuda_*.deb && rm -f /var/log/dpkg.log
# The container runtime brings the driver's libraries.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
