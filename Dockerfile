# The command line, and the sandbox for development; docs/how-to/deployment.md has the commands.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY fieldingkit fieldingkit
RUN python -m pip install --no-cache-dir --prefix=/install ".[cli,otel,speed]"

FROM python:3.13-slim
COPY --from=build /install /usr/local
RUN install -d -o 10001 -g 10001 /state
ENV XDG_STATE_HOME=/state HOME=/tmp PYTHONUNBUFFERED=1
VOLUME /state
EXPOSE 8080
USER 10001:10001
ENTRYPOINT ["fieldingkit"]
CMD ["--help"]
