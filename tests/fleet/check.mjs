// Reads everybody's ledgers side by side: what agents were answered, what reached the server, what each gateway has on record.
import assert from 'node:assert/strict';
import { isAnswered } from './callers.mjs';

// A call is put on record a moment after it was let in, and on a busy machine not always the same one: in seconds.
const JITTER = 0.25;

// What may be answered instead of an answer: HTTP status, JSON-RPC code, and whether it says when to come again.
const REFUSALS = [
  { status: 429, code: -31429, again: true },
  { status: 503, code: -31503 },
  { status: 503, text: 'too many calls\n', again: true },
  { status: 404, code: -31404 },
  { status: 410, code: -31410 },
];

// How calls ended, by kind; fails on one that is no documented refusal.
export function tally(calls) {
  const kinds = new Map();
  const odd = [];
  for (const call of calls) {
    const refusal = REFUSALS.find((one) => one.status === call.status
      && (one.code === undefined ? call.text === one.text : call.message.error?.code === one.code)
      && (!one.again || Number(call.headers['retry-after']) >= 1));
    if (!isAnswered(call) && !refusal) odd.push(`${call.mark}: ${call.status} ${call.error ?? ''} ${call.text.slice(0, 200)}`);
    const kind = isAnswered(call) ? 'answered' : String(call.status);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  assert.deepEqual(odd.slice(0, 5), [], `${odd.length} calls ended as no page says`);
  return Object.fromEntries([...kinds].sort());
}

// What clients saw answered arrived once, and nothing arrived twice.
export function once(calls, arrivals) {
  const arrived = new Map();
  for (const { mark } of arrivals) arrived.set(mark, (arrived.get(mark) ?? 0) + 1);
  assert.deepEqual([...arrived].filter(([, times]) => times > 1), [], 'made twice');
  assert.deepEqual(calls.filter((call) => isAnswered(call) && !arrived.has(call.mark)).map((call) => call.mark), [], 'answered by nobody');
}

// What the gateways together have on record of what they let pass since then: { agent, at }, at in ms since the epoch.
export function passed(replicas, since) {
  return replicas
    .flatMap((replica) => replica.records())
    .filter((record) => record.kind === 'intent' && Date.parse(record.at) >= since)
    .map(({ agent, at }) => ({ agent, at: Date.parse(at) }));
}

// Nothing reached the server that no gateway has put on record before.
export function recorded(arrivals, intents) {
  const count = (names) => names.reduce((counts, name) => counts.set(name, (counts.get(name) ?? 0) + 1), new Map());
  const [told, came] = [count(intents.map((intent) => intent.agent)), count(arrivals.map((line) => line.who))];
  for (const [who, many] of came) assert.ok(many <= (told.get(who) ?? 0), `${who}: ${many} arrived, ${told.get(who)} on record`);
}

// The most that was let in beyond `burst + rate * t` in any span of time, as a factor of it: 1 is the limit itself.
export function excess(intents, agent, { rate, burst }) {
  const at = intents.filter((intent) => intent.agent === agent).map((intent) => intent.at / 1000).sort((one, other) => one - other);
  let worst = 0;
  for (let first = 0; first < at.length; first += 1) {
    for (let last = first; last < at.length; last += 1) {
      const allowed = burst + rate * (at[last] - at[first] + JITTER);
      worst = Math.max(worst, (last - first + 1) / allowed);
    }
  }
  return worst;
}

// How late, in ms, the last call of a task came that had ended, beyond what `grace` gives to an end at its time.
export function lateness(ends, arrivals, grace) {
  let worst = 0;
  for (const { task, at } of ends) {
    for (const line of arrivals) {
      if (line.task === task) worst = Math.max(worst, line.began - at - grace(at));
    }
  }
  return worst;
}
