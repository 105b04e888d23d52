# One image for training, the MLflow server and the server that speaks; compose.yaml starts them.
#   docker build --tag xttslab .                                 for NVIDIA cards
#   docker build --tag xttslab --build-arg TORCH_BUILD=cpu .     without one, a fifth of the size
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ffmpeg libsndfile1 \
    && rm -rf /var/lib/apt/lists/*

# The build of torch: a name in run.py's table, or cpu.
ARG TORCH_BUILD=cu128

WORKDIR /opt/xttslab
COPY constraints.txt pyproject.toml setup.py README.md LICENSE ./
COPY requirements/no-deps.txt requirements/
RUN grep -E '^torch(audio)?==' constraints.txt > torch.txt \
    && pip install --no-cache-dir --requirement torch.txt \
       --index-url "https://download.pytorch.org/whl/${TORCH_BUILD}"
COPY conf conf
COPY xttslab xttslab
RUN pip install --no-cache-dir --constraint constraints.txt ".[eval,serve,server]" \
    && pip install --no-cache-dir --no-deps --requirement requirements/no-deps.txt

# Data, models, outputs and mlruns lie where a command runs: mount a folder there.
RUN useradd --create-home --uid 1000 xttslab && mkdir /project && chown xttslab /project
USER xttslab
WORKDIR /project
ENV HOME=/home/xttslab PYTHONUNBUFFERED=1
EXPOSE 5000 8020
ENTRYPOINT ["xttslab"]
CMD ["--help"]
