# TSDM-Bench in a container: results on /results, data on /data (read-only will do), weights cached in /cache.
#
#   docker build -t tsdm-bench .                                                       CPU
#   docker build -t tsdm-bench:cuda --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 \
#       --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .               CUDA
#   mkdir -p results                                                                   else Docker makes it, as root
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/results:/results" -v ~/data:/data:ro tsdm-bench --suite tno
#
# With a GPU: `docker run --gpus all …` of the CUDA image. Any user may run it; without --user it is 1000.
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
    && mkdir /results /data /cache && chmod 1777 /results /cache
COPY --from=build /opt/tsdm-bench /opt/tsdm-bench
ENV PATH=/opt/tsdm-bench/bin:$PATH \
    HOME=/cache \
    USER=bench \
    TSDM_BENCH_DATA=/data \
    TSDM_BENCH_CACHE=/cache
COPY container/smoke.sh /opt/smoke.sh
USER 1000:1000
WORKDIR /
RUN bash /opt/smoke.sh /tmp/smoke && rm -rf /tmp/smoke && find /cache -mindepth 1 -exec chmod a+rwX {} +
VOLUME ["/results", "/cache"]
ENTRYPOINT ["tsdm-bench"]
CMD ["--help"]
