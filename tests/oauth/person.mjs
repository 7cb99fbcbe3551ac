// A person at a browser, as far as an authorization server can tell: cookies, redirects, forms.
const STEPS = 20;

// Opens an authorization URL, signs in as `login`, consents to what is asked, and says where the browser is sent at last: the client's redirect URI.
export async function visit(start, login) {
  const origin = new URL(start).origin;
  const cookies = new Map();
  let [url, form] = [start, undefined];
  for (let step = 0; step < STEPS; step++) {
    const answer = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form && new URLSearchParams(form),
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      redirect: 'manual',
    });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split(/=(.*)/);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const page = await answer.text();
    const location = answer.headers.get('location');
    if (location) {
      [url, form] = [new URL(location, url).href, undefined];
      if (new URL(url).origin !== origin) return url;
      continue;
    }
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${page.replace(/<[^>]*>|\s+/g, ' ').slice(0, 500)}`);
    const prompt = page.match(/name="prompt" value="(\w+)"/)?.[1];
    const action = page.match(/action="([^"]+)"/)?.[1];
    if (!prompt || !action) throw new Error(`no form at ${url}: ${page.slice(0, 500)}`);
    [url, form] = [new URL(action, url).href, prompt === 'login' ? { prompt, login, password: 'any' } : { prompt }];
  }
  throw new Error(`${start} leads nowhere`);
}
