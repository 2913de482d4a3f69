import { Laptop } from '../laptop/laptop.ts';
import type { Bed } from './bed.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { type OpenedApi, openApi } from './local-api.ts';
import { connectRules, createOrdinaryUser, removeRights } from './ordinary-user.ts';
import { Product } from './product.ts';
import { settings } from './settings.ts';

/** Somebody beside the bed's user, connected on a laptop of their own. */
export interface OtherUser {
  /** Of their service account, and of what gives them rights. */
  readonly name: string;
  readonly product: Product;
  /** Of their kubeconfig. */
  readonly user: Readonly<Record<string, unknown>>;
  readonly client: OpenedApi;
  close(): Promise<void>;
}

/** Somebody who may connect, and nothing else. */
export async function connectOtherUser({ cluster, world, context }: Bed): Promise<OtherUser> {
  const { managerNamespace } = settings;
  const name = `other-${world.namespace}`;
  const laptop = await Laptop.create({ reaches: [cluster.server.host] });
  const product = new Product(laptop);
  let client: OpenedApi | undefined;
  const close = async () => {
    client?.kill();
    await product.run(['quit', '--stop-daemons']);
    await laptop.close();
    await removeRights(cluster, name, managerNamespace);
  };
  try {
    const user = await createOrdinaryUser(cluster, name, world.namespace, { [managerNamespace]: connectRules });
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...context, user } }));
    await product.connect();
    client = await openApi(laptop);
    return { name, product, user, client, close };
  } catch (error) {
    await close();
    throw error;
  }
}
