// dns-query.ts NAME TYPE…: asks the name server of /etc/resolv.conf for each type, and prints the answers as they are.
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import dns, { type RecordType } from 'dns-packet';

const [name = '', ...types] = process.argv.slice(2);
const server = /^nameserver\s+(\S+)/m.exec(readFileSync('/etc/resolv.conf', 'utf8'))?.[1] ?? '127.0.0.1';

async function ask(type: RecordType): Promise<object> {
  const socket = dgram.createSocket('udp4');
  const startedAt = performance.now();
  try {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      socket.on('message', resolve);
      socket.on('error', reject);
      const id = Math.floor(Math.random() * 65_536);
      socket.send(
        dns.encode({ type: 'query', id, flags: dns.RECURSION_DESIRED, questions: [{ type, name, class: 'IN' }] }),
        53,
        server,
      );
      setTimeout(() => reject(new Error('no answer within 6 s')), 6_000).unref();
    });
    const packet = dns.decode(answer) as dns.DecodedPacket & { readonly rcode: string };
    const answers = (packet.answers ?? []).map((record) => ({
      name: record.name,
      type: record.type,
      data: 'data' in record ? record.data : undefined,
      ttl: 'ttl' in record ? record.ttl : undefined,
    }));
    return { type, rcode: packet.rcode, answers, ms: performance.now() - startedAt };
  } catch (error) {
    return { type, rcode: 'TIMEOUT', answers: [], error: String(error) };
  } finally {
    socket.close();
  }
}

console.log(JSON.stringify(await Promise.all(types.map(async (type) => await ask(type as RecordType)))));
