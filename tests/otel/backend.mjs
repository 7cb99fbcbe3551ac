// Where telemetry goes, as one would run it: an OpenTelemetry Collector, Jaeger behind it, and a desk that keeps a copy.
//
//   const backend = await startBackend(folder);
//   backend.collector.grpc, .http             what a gateway is pointed at
//   await backend.traced(id, check)           the spans of a trace as Jaeger tells them, once `check` does not throw
//   await backend.collector.kill(); await backend.collector.start();
//
// The collector holds nothing back: it takes a batch once Jaeger and the desk have it. The desk gets everything as
// OTLP in JSON and writes it down; what it has read and what the collector shows Prometheus are the same numbers.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { CACHE } from '../conformance/peers.mjs';
import { freePort, start, stop, waitHttp } from '../conformance/processes.mjs';
import { until } from '../spire/spire.mjs';

const COLLECTOR = path.join(CACHE, 'collector/collector');
const JAEGER = path.join(CACHE, 'jaeger/jaeger');

const quiet = `  telemetry:
    metrics: { level: none }
    logs: { level: info }
`;

const jaegerConfig = ({ otlp, query, grpc }) => `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${otlp}" } } }
exporters:
  jaeger_storage_exporter: { trace_storage: memory }
extensions:
  jaeger_storage: { backends: { memory: { memory: { max_traces: 100000 } } } }
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: "127.0.0.1:${query}" }
    grpc: { endpoint: "127.0.0.1:${grpc}" }
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: { receivers: [otlp], exporters: [jaeger_storage_exporter] }
${quiet}`;

const collectorConfig = ({ grpc, http: web, prometheus }, jaeger, desk) => `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:${grpc}" }
      http: { endpoint: "127.0.0.1:${web}" }
exporters:
  otlp_grpc/jaeger: { endpoint: "127.0.0.1:${jaeger}", tls: { insecure: true }, sending_queue: { enabled: false } }
  otlp_http/desk: { endpoint: "${desk}", encoding: json, compression: none, sending_queue: { enabled: false } }
  prometheus: { endpoint: "127.0.0.1:${prometheus}", resource_to_telemetry_conversion: { enabled: true } }
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_grpc/jaeger, otlp_http/desk] }
    metrics: { receivers: [otlp], exporters: [prometheus, otlp_http/desk] }
    logs: { receivers: [otlp], exporters: [otlp_http/desk] }
${quiet}`;

export async function startBackend(folder) {
  const desk = await openDesk(folder);
  const jaeger = await startJaeger(folder);
  const collector = await startCollector(folder, jaeger.otlp, desk.url);
  return {
    desk,
    collector,
    told: jaeger.told,
    // Reads a trace until `check` finds in it what it looks for: spans come in batches, and a span at its end.
    async traced(id, check) {
      let last = [];
      try {
        return await until(`trace ${id}`, async () => { last = await jaeger.trace(id); check(last); return last; }, 20000);
      } catch (error) {
        throw new Error(`${error.message}\n${last.map((span) => `  ${span.service} ${span.kind} ${span.name} ${span.id} in ${span.parent || 'nothing'}`).join('\n')}`);
      }
    },
    logs: () => ['jaeger.log', 'collector.log'].map((name) => fs.readFileSync(path.join(folder, name), 'utf8').slice(-2000)).join('\n'),
    async stop() { await collector.stop(); await jaeger.stop(); desk.close(); },
  };
}

// === Jaeger ===

async function startJaeger(folder) {
  const [otlp, query, grpc] = [await freePort(), await freePort(), await freePort()];
  const config = path.join(folder, 'jaeger.yaml');
  fs.writeFileSync(config, jaegerConfig({ otlp, query, grpc }));
  const child = start(JAEGER, ['--config', config], { log: path.join(folder, 'jaeger.log') });
  const at = `http://127.0.0.1:${query}`;
  await waitHttp(`${at}/api/services`, child, { ok: true });
  return {
    otlp,
    // The spans of a trace, in the order they began.
    async trace(id) {
      const answer = await fetch(`${at}/api/v3/traces/${id}`);
      if (answer.status === 404) return [];
      if (!answer.ok) throw new Error(`Jaeger: ${answer.status} ${await answer.text()}`);
      return spans((await answer.json()).result);
    },
    // A trace as its other interface tells it, the one its pages read.
    told: async (id) => (await fetch(`${at}/api/traces/${id}`)).text(),
    stop: () => stop(child),
  };
}

// === The collector ===

async function startCollector(folder, jaeger, desk) {
  const ports = { grpc: await freePort(), http: await freePort(), prometheus: await freePort() };
  const config = path.join(folder, 'collector.yaml');
  fs.writeFileSync(config, collectorConfig(ports, jaeger, desk));
  const web = `http://127.0.0.1:${ports.http}`;
  let child;
  const open = async () => {
    child = start(COLLECTOR, ['--config', config], { log: path.join(folder, 'collector.log') });
    await waitHttp(`${web}/v1/traces`, child);
  };
  await open();
  return {
    grpc: `http://127.0.0.1:${ports.grpc}`,
    http: web,
    start: open,
    async kill() { process.kill(-child.pid, 'SIGKILL'); await child.done; },
    // It keeps its connections and answers nothing.
    freeze: () => process.kill(-child.pid, 'SIGSTOP'),
    thaw: () => process.kill(-child.pid, 'SIGCONT'),
    // What a Prometheus would read.
    numbers: async () => numbers(await (await fetch(`http://127.0.0.1:${ports.prometheus}/metrics`)).text()),
    // Takes a span of somebody else's, as an instrumented agent sends it.
    async take(service, span) {
      const body = { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] }, scopeSpans: [{ spans: [span] }] }] };
      const answer = await fetch(`${web}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`the collector: ${answer.status} ${await answer.text()}`);
    },
    stop: () => stop(child),
  };
}

// === The desk ===

async function openDesk(folder) {
  const kept = { spans: [], points: [], logs: [] };
  const read = { '/v1/traces': ['spans', spans], '/v1/metrics': ['points', points], '/v1/logs': ['logs', logs] };
  const door = await listen(({ request, text, response }) => {
    const [kind, parse] = read[request.url];
    fs.appendFileSync(path.join(folder, `desk-${kind}.jsonl`), `${text}\n`);
    kept[kind].push(...parse(JSON.parse(text)));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end('{}');
  });
  return { ...door, ...kept };
}

// A server on a free port that reads a request whole before it answers.
export async function listen(answer) {
  const server = http.createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    await answer({ request, text: Buffer.concat(parts).toString(), response });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}`, close: () => { server.close(); server.closeAllConnections(); } };
}

// === Reading OTLP in JSON ===

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATES = ['UNSET', 'OK', 'ERROR'];
const named = (names, prefix, value = 0) => (typeof value === 'number' ? names[value] : value.replace(prefix, ''));

function plain(value = {}) {
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue) return attributes(value.kvlistValue.values);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? value.bytesValue;
}

const attributes = (list = []) => Object.fromEntries(list.map(({ key, value }) => [key, plain(value)]));
const service = (of) => attributes(of.resource?.attributes)['service.name'];

function spans({ resourceSpans = [] }) {
  const all = resourceSpans.flatMap((of) => (of.scopeSpans ?? []).flatMap(({ spans: list = [] }) => list.map((span) => ({
    service: service(of),
    resource: attributes(of.resource?.attributes),
    name: span.name,
    kind: named(KINDS, 'SPAN_KIND_', span.kind),
    trace: span.traceId,
    id: span.spanId,
    parent: span.parentSpanId ?? '',
    began: BigInt(span.startTimeUnixNano),
    ended: BigInt(span.endTimeUnixNano),
    attributes: attributes(span.attributes),
    links: (span.links ?? []).map((link) => ({ trace: link.traceId, id: link.spanId })),
    status: named(STATES, 'STATUS_CODE_', span.status?.code),
    message: span.status?.message ?? '',
  }))));
  return all.sort((one, other) => Number(one.began - other.began));
}

function points({ resourceMetrics = [] }) {
  return resourceMetrics.flatMap((of) => (of.scopeMetrics ?? []).flatMap(({ metrics = [] }) => metrics.flatMap((metric) => {
    const data = metric.sum ?? metric.gauge ?? metric.histogram ?? {};
    return (data.dataPoints ?? []).map((point) => ({
      service: service(of),
      name: metric.name,
      unit: metric.unit ?? '',
      attributes: attributes(point.attributes),
      value: Number(point.asInt ?? point.asDouble ?? point.count),
      bounds: point.explicitBounds,
    }));
  })));
}

function logs({ resourceLogs = [] }) {
  return resourceLogs.flatMap((of) => (of.scopeLogs ?? []).flatMap(({ logRecords = [] }) => logRecords.map((record) => ({
    service: service(of),
    severity: record.severityText ?? '',
    body: plain(record.body),
    attributes: attributes(record.attributes),
  }))));
}

// === Reading what Prometheus reads ===

// Every sample as { name, labels, value }.
export function numbers(text) {
  return text.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => {
    const [, name, labels = '', value] = /^([^\s{]+)(?:\{(.*)\})? (\S+)/.exec(line);
    const pairs = [...labels.matchAll(/([^=,\s]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    return { name, labels: Object.fromEntries(pairs), value: Number(value) };
  });
}

// The sum of the samples of this name whose labels say so.
export const total = (samples, name, labels = {}) => samples
  .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
  .reduce((sum, { value }) => sum + value, 0);
