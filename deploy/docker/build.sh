#!/bin/sh
# Builds the container image with the first engine that works here: docker, podman, buildah.
#   ENGINE=  one of them by name     TAG=      name of the image (aigate:dev)
#   BASE=    image it runs on        BUILDER=  image with Rust that builds it
# Arguments are handed on to the engine.
set -eu
cd "$(dirname "$0")/../.."

works() { # a docker command without its daemon is of no use
  command -v "$1" >/dev/null 2>&1 && "$1" info >/dev/null 2>&1
}

engine=${ENGINE:-}
if [ -z "$engine" ]; then
  for candidate in docker podman buildah; do
    if works "$candidate"; then engine=$candidate; break; fi
  done
fi
[ -n "$engine" ] || { echo "aigate needs a container engine that answers: docker (with its daemon), podman or buildah" >&2; exit 1; }

set -- -f deploy/docker/Dockerfile -t "${TAG:-aigate:dev}" "$@"
[ -z "${BASE:-}" ] || set -- --build-arg "BASE=$BASE" "$@"
[ -z "${BUILDER:-}" ] || set -- --build-arg "BUILDER=$BUILDER" "$@"
case $engine in
  docker) exec docker build "$@" . ;;
  podman | buildah) exec "$engine" build --format docker "$@" . ;; # the OCI format has no place for a health check
  *) echo "aigate: ENGINE=$engine: not one of docker, podman, buildah" >&2; exit 1 ;;
esac
