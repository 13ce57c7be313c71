# One image for web, worker, beat and migrations; docker-compose.yml says which command runs.
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir 'uv>=0.9'
WORKDIR /build
COPY requirements-production.lock .
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN uv venv --quiet /venv \
    && uv pip sync --python /venv/bin/python --require-hashes requirements-production.lock

FROM python:3.12-slim
# pg_dump and pg_restore of the same version as the server in docker-compose.yml, for backups.
ARG POSTGRES_MAJOR=18
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install -qq -y --no-install-recommends "postgresql-client-$POSTGRES_MAJOR" \
    && rm -rf /var/lib/apt/lists/*
# A new volume takes over the owner of the folder that it covers.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin supportgroups \
    && install -d -o supportgroups /var/lib/supportgroups \
    && install -d -o supportgroups -m 700 /var/lib/supportgroups/backups
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_ENV=production STATIC_ROOT=/app/staticfiles
# Hashed and compressed once, here. The values only let the settings load: nothing is signed or called.
RUN SECRET_KEY=building-the-image-signs-nothing-0123456789-0123456789 \
    FIELD_ENCRYPTION_KEYS=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef \
    DATABASE_URL=postgres://build@127.0.0.1:1/build REDIS_URL=redis://127.0.0.1:1/0 \
    ALLOWED_HOSTS=build.invalid SITE_URL=https://build.invalid MAIL_HOST=build.invalid \
    python manage.py collectstatic --noinput --verbosity 0
# What the image is made of, beside it: `docker run --rm IMAGE cat sbom.cdx.json`.
RUN python tools/sbom > sbom.cdx.json
USER supportgroups
EXPOSE 8000
