# TSDM-Bench in a container: results on /results, data on /data (read-only will do), weights cached in /cache.
#
#   docker build -t tsdm-bench .                                                       CPU
#   docker build -t tsdm-bench:cuda --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 \
#       --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .               CUDA
#   docker run --rm -v "$PWD/results:/results" -v ~/data:/data:ro tsdm-bench --suite tno
#
# The same steps without a daemon: bash container/fresh_root.sh
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS build

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /source
COPY container/system.sh container/
RUN bash container/system.sh
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bench bench
COPY degradation degradation
COPY detectors detectors
COPY fusion fusion
COPY tsdm_bench tsdm_bench
COPY container/install.sh container/
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=""
RUN TORCH_INDEX="${TORCH_INDEX}" EXTRAS="${EXTRAS}" bash container/install.sh /opt/tsdm-bench

FROM ${BASE}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
COPY container/system.sh /tmp/system.sh
RUN bash /tmp/system.sh && rm /tmp/system.sh \
    && useradd --create-home --uid 1000 --user-group bench \
    && mkdir /results /data /cache && chown bench:bench /results /cache
COPY --from=build /opt/tsdm-bench /opt/tsdm-bench
ENV PATH=/opt/tsdm-bench/bin:$PATH \
    TSDM_BENCH_DATA=/data \
    TSDM_BENCH_CACHE=/cache
USER 1000:1000
WORKDIR /
COPY --chown=bench:bench container/smoke.sh /opt/smoke.sh
RUN bash /opt/smoke.sh /tmp/smoke && rm -rf /tmp/smoke
VOLUME ["/results", "/cache"]
ENTRYPOINT ["tsdm-bench"]
CMD ["--help"]
