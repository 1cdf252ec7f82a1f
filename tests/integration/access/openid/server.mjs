// OpenID providers on loopback: `node server.mjs FOLDER_WITH_NODE_MODULES`. One line of JSON says where they are:
// `main`, and `hasty`, whose codes are good for a second. POST /swap at either has it publish keys that never signed.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

const { Provider } = await import(`${process.argv[2]}/node_modules/oidc-provider/lib/index.js`);

const people = {
  alice: { name: 'Alicé Doe', email: 'alice@example.org', email_verified: true, groups: ['Archive', 'Board'] },
  bob: { name: 'Bob Roe', email: 'bob@example.org', email_verified: false, groups: ['Others'] },
};

function key(kind, options, about) {
  return { ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), use: 'sig', ...about };
}

function open(makeKey, algorithm, codeSeconds) {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const issuer = `http://127.0.0.1:${server.address().port}`;
      const strangers = { keys: [makeKey()].map(({ kty, kid, use, alg, n, e, crv, x, y }) => ({ kty, kid, use, alg, n, e, crv, x, y })) };
      let isSwapped = false;
      const provider = new Provider(issuer, {
        clients: [{
          client_id: 'brickyard',
          client_secret: 'a secret/of the client',
          redirect_uris: ['https://echo.example.org/api/v1/session/oidc/main/callback'],
          id_token_signed_response_alg: algorithm,
        }],
        findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, ...people[id] }) }),
        claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
        scopes: ['openid', 'profile', 'email', 'groups'],
        cookies: { keys: ['for tests'] },
        jwks: { keys: [makeKey()] },
        pkce: { required: () => true },
        ttl: { AuthorizationCode: codeSeconds, AccessToken: 600, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
        features: { devInteractions: { enabled: true } },
      });
      provider.use(async (context, next) => {
        if (context.method === 'POST' && context.path === '/swap') {
          isSwapped = !isSwapped;
          context.body = { isSwapped };
          return;
        }
        await next();
        if (isSwapped && context.path === '/jwks') context.body = strangers;
      });
      server.on('request', provider.callback());
      resolve(issuer);
    });
  });
}

const main = await open(() => key('rsa', { modulusLength: 2048 }, { alg: 'RS256', kid: 'one' }), 'RS256', 60);
const hasty = await open(() => key('ec', { namedCurve: 'P-256' }, { alg: 'ES256', kid: 'two' }), 'ES256', 1);
process.stdout.write(`${JSON.stringify({ main, hasty })}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
