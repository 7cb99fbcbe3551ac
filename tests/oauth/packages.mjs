// Packages from the cache that tests/run fills: nothing is installed beside the sources.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CACHE } from '../conformance/peers.mjs';

const from = (folder) => {
  const require = createRequire(path.join(CACHE, folder, 'x.js'));
  return (name) => import(pathToFileURL(require.resolve(name)));
};

// What the authorization server needs: oidc-provider, jose.
export const load = from('as');
// The official SDKs.
export const loadPeer = from('peers');
