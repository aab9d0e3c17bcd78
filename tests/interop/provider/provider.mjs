// A certified OpenID provider on a free loopback port, for the interop tests. Its only argument is JSON: {"clients": […]}, as in
// RFC 7591. It writes one line of JSON with its issuer when it listens, and ends when its standard input does, so that it
// cannot outlive the test that started it.

import { createServer } from 'node:http';
import { webcrypto } from 'node:crypto';

// What Debian 12 installs is Node.js 18; what is imported below expects two things of its successors.
globalThis.crypto ??= webcrypto;
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);
const { exportJWK, generateKeyPair } = await import('jose');
const { default: Provider, errors } = await import('oidc-provider');

const { clients } = JSON.parse(process.argv[2]);

// What each resource server wants its tokens to be signed with; the scopes are the same everywhere.
const resources = {
  'https://rs256.test': 'RS256',
  'https://ps256.test': 'PS256',
  'https://es256.test': 'ES256',
  'https://eddsa.test': 'EdDSA',
};

async function signingKey(alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg.toLowerCase() };
}

const configuration = {
  clients,
  jwks: { keys: await Promise.all(Object.values(resources).map(signingKey)) },
  scopes: ['read:reports', 'write:reports'],
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      async getResourceServerInfo(ctx, resource) {
        const alg = resources[resource];
        if (!alg) throw new errors.InvalidTarget();
        return {
          scope: 'read:reports',
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg } },
        };
      },
    },
  },
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', new Provider(issuer, configuration).callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});

process.stdin.on('end', () => process.exit(0)).resume();
