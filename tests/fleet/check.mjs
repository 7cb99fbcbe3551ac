// Reads everybody's ledgers side by side: what agents were answered, what reached the server, what each gateway has on record.
import assert from 'node:assert/strict';
import { isAnswered } from './callers.mjs';

// Times in records and at the server are taken a moment after a call was let in, and not always the same one.
const JITTER = 0.1;

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

// Nothing reached the server that no gateway has put on record before, and what did is there with its agent.
export function recorded(arrivals, replicas, since) {
  const count = (names) => names.reduce((counts, name) => counts.set(name, (counts.get(name) ?? 0) + 1), new Map());
  const intents = replicas.flatMap((replica) => replica.records()).filter((record) => record.kind === 'intent' && Date.parse(record.at) >= since);
  const [told, came] = [count(intents.map((record) => record.agent)), count(arrivals.map((line) => line.who))];
  for (const [who, many] of came) assert.ok(many <= (told.get(who) ?? 0), `${who}: ${many} arrived, ${told.get(who)} on record`);
}

// The most that was let in beyond `burst + rate * t` in any span of time, as a factor of it: 1 is the limit itself.
export function excess(times, { rate, burst }) {
  const at = times.map((time) => time / 1000).sort((one, other) => one - other);
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
