import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import { removeAgents } from './remove-agents.ts';

describe('removing agents', () => {
  const never = new AbortController().signal;
  const failing = async (thrown: Error) => {
    const transport = createRouterTransport((router) => {
      router.service(Desktop, { removeAgents: () => Promise.reject(thrown) });
    });
    return await removeAgents(createClient(Desktop, transport), { all: true }, never).catch((error: unknown) =>
      AppError.from(error),
    );
  };

  it('names the workloads that had them', async () => {
    const transport = createRouterTransport((router) => {
      router.service(Desktop, {
        removeAgents: ({ workloads }) => ({ removed: workloads.map((name) => ({ name, namespace: 'shop' })) }),
      });
    });
    const client = createClient(Desktop, transport);
    expect(await removeAgents(client, { workloads: ['cart'] }, never)).toEqual([{ name: 'cart', namespace: 'shop' }]);
  });

  it('is not supported by a traffic-manager without the service', async () => {
    const client = createClient(
      Desktop,
      createRouterTransport(() => undefined),
    );
    await expect(removeAgents(client, { all: true }, never)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('fails with the words of the traffic-manager, whole where it sent them so', async () => {
    const error = new AppError({
      code: 'workload.not-found',
      message: 'There is no workload shpo',
      reason: 'Did you mean shop?',
    });
    const trailer = Buffer.from(JSON.stringify(error.toData())).toString('base64');
    expect(await failing(new ConnectError('x', Code.FailedPrecondition, { 'telepresence-error-bin': trailer }))).toMatchObject({
      code: 'workload.not-found',
      reason: 'Did you mean shop?',
    });
    expect(await failing(new ConnectError('A budget keeps the pods', Code.FailedPrecondition))).toMatchObject({
      code: 'agent.failed',
      reason: 'A budget keeps the pods',
    });
    expect(await failing(new ConnectError('gone', Code.Unavailable))).toMatchObject({ code: 'connection.lost' });
  });
});
