// An issuer of JWTs whose key both the gateway and the vault know.
import crypto from 'node:crypto';
import http from 'node:http';

export async function startIssuer() {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' };
  let url;
  const server = http.createServer((request, response) => {
    const documents = {
      '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys`, authorization_endpoint: `${url}/a`, token_endpoint: `${url}/t`, response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'] },
      '/keys': { keys: [jwk] },
    };
    const found = documents[request.url];
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? {}));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${server.address().port}`;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    url,
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
    sign(claims, life = 3600) {
      const now = Math.floor(Date.now() / 1000);
      const text = `${part({ alg: 'ES256', typ: 'JWT', kid: 'k1' })}.${part({ iss: url, iat: now, exp: now + life, jti: crypto.randomUUID(), ...claims })}`;
      const signature = crypto.sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${text}.${signature.toString('base64url')}`;
    },
    close: () => { server.close(); server.closeAllConnections(); },
  };
}
