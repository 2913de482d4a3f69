import { formatCidr, parseCidr } from '#base/common/cidr.ts';
import { formatIp } from '#base/common/ip.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Machine } from '../node/machine.ts';

/**
 * The pods' network: each pod is at the end of a cable of its own and routed to by its address alone, so that every packet between pods
 * crosses the node, where service addresses are translated in both directions. There is no way out of it and none into it.
 */
export interface ClusterNetwork {
  readonly nodeIp: string;
  addPod(id: string): Promise<PodNetwork>;
}

export interface PodNetwork {
  readonly ip: string;
  /** Path of its network namespace, inside of the machine. */
  readonly namespace: string;
  remove(): Promise<void>;
}

/** Names of its interfaces begin so. */
const interfacePrefix = 'tpsb';

/** Where packets to service addresses go that no rule knows; rules refuse them before they arrive. */
const serviceInterface = `${interfacePrefix}-services`;

/** Sets up the node's side. Its address is the first of the pods' subnet. */
export async function createClusterNetwork(machine: Machine, podCidr: string, serviceCidr: string): Promise<ClusterNetwork> {
  const subnet = parseCidr(podCidr);
  const services = parseCidr(serviceCidr);
  if (subnet?.family !== 4 || services?.family !== 4 || subnet.prefix > 24) {
    throw new AppError({
      code: 'config.invalid',
      message: `${podCidr} and ${serviceCidr} are not IPv4 subnets that a cluster could have`,
    });
  }
  const addressAt = (offset: number) => formatIp({ family: 4, value: subnet.value + BigInt(offset) });
  const nodeIp = addressAt(1);
  await machine.run(`
echo 1 > /proc/sys/net/ipv4/ip_forward
ip link set lo up
ip address add ${nodeIp}/32 dev lo
ip link add ${serviceInterface} type bridge
ip link set ${serviceInterface} up
ip route add ${formatCidr(services)} dev ${serviceInterface} src ${nodeIp}
`);
  const used = new Set<number>();
  const capacity = 2 ** (32 - subnet.prefix) - 2;
  let last = 1;

  /** The address that has been free for longest, so that a new pod is not taken for one that has just gone. */
  function takeOffset(): number {
    for (let tried = 0; tried < capacity; tried += 1) {
      last = last + 1 > capacity ? 2 : last + 1;
      if (used.has(last)) continue;
      used.add(last);
      return last;
    }
    throw new AppError({ code: 'sandbox.unsupported', message: `All addresses of ${podCidr} are in use` });
  }

  return {
    nodeIp,
    addPod: async (id) => {
      const offset = takeOffset();
      const ip = addressAt(offset);
      const namespace = `${machine.runDirectory}/net/${id}`;
      const cable = `${interfacePrefix}${offset}`;
      const remove = async () => {
        await machine.run(
          `ip link delete ${cable} 2>/dev/null || true\numount -l ${namespace} 2>/dev/null || true\nrm -f ${namespace}\n`,
        );
        used.delete(offset);
      };
      try {
        await machine.run(podScript({ namespace, cable, ip, nodeIp }));
        return { ip, namespace, remove };
      } catch (error) {
        await remove();
        throw error;
      }
    },
  };
}

/** As container runtimes do, ports below 1024 and ping are everybody's. */
function podScript({ namespace, cable, ip, nodeIp }: Readonly<Record<'namespace' | 'cable' | 'ip' | 'nodeIp', string>>): string {
  return `
: > ${namespace}
unshare --net=${namespace} true
ip link add ${cable} type veth peer name eth0 netns ${namespace}
ip link set ${cable} up
ip route add ${ip}/32 dev ${cable} src ${nodeIp}
nsenter --net=${namespace} sh -e <<'END'
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range 2>/dev/null || true
ip -batch - <<'BATCH'
link set lo up
address add ${ip}/32 dev eth0
link set eth0 up
route add ${nodeIp}/32 dev eth0 scope link
route add default via ${nodeIp} dev eth0
BATCH
END
`;
}
