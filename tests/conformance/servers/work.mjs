// Tools that do some work: for the tests with real clients, which the conformance suite has no tools for.
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const reply = (text) => ({ content: [{ type: 'text', text }] });
const schema = (properties) => ({ type: 'object', properties });
const text = { type: 'string' };
const number = { type: 'number' };
const seen = new Map();

function tally(key) {
  if (!seen.has(key)) seen.set(key, { begun: 0, finished: 0, aborted: 0 });
  return seen.get(key);
}

// name -> [description, inputSchema, handler(arguments, context)]
export const WORK = {
  work_echo: ['Says the same', schema({ text }), (a) => reply(a.text)],
  work_big: ['Says much', schema({ size: number }), (a) => reply('x'.repeat(a.size))],
  work_count: ['Counts its executions', schema({ key: text }), (a) => reply(String(++tally(a.key).begun))],
  work_report: ['Tells what happened', schema({ key: text }), (a) => reply(JSON.stringify(tally(a.key)))],
  work_slow: ['Takes steps and reports each', schema({ key: text, steps: number, every: number }), async (a, context) => {
    const own = tally(a.key);
    own.begun++;
    const { signal, _meta } = context.mcpReq;
    signal.addEventListener('abort', () => own.aborted++, { once: true });
    for (let progress = 1; progress <= a.steps && !signal.aborted; progress++) {
      await sleep(a.every);
      if (_meta?.progressToken === undefined || signal.aborted) continue;
      await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken: _meta.progressToken, progress, total: a.steps } }).catch(() => {});
    }
    if (!signal.aborted) own.finished++;
    return reply(`${a.steps} steps`);
  }],
};
