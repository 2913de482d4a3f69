// Takes the ports that the preload hands over, as the app's own page does, and shows what comes by them.
const status = document.querySelector('#daemon');
const events = document.querySelector('#events');
const clients = {};

function client(port, onOther) {
  let lastId = 0;
  const calls = new Map();
  port.addEventListener('message', ({ data }) => {
    const call = calls.get(data.id);
    if (call === undefined) return onOther(data);
    if ('event' in data) return call.onEvent?.(data.event);
    calls.delete(data.id);
    if (data.error === undefined) call.resolve(data.output);
    else call.reject(new Error(`${data.error.code}: ${data.error.message}`));
  });
  port.start();
  return {
    port,
    call(name, input, onEvent) {
      lastId += 1;
      const id = lastId;
      port.postMessage({ id, call: name, input });
      return new Promise((resolve, reject) => calls.set(id, { resolve, reject, onEvent }));
    },
  };
}

function useDaemon(port) {
  const daemon = client(port, (message) => {
    if ('hello' in message)
      daemon
        .call('watchState', {}, (event) => {
          if (event.kind === 'snapshot') status.textContent = `daemon ${event.state.daemon.pid}`;
        })
        .catch((error) => {
          status.textContent = error.message;
        });
    else if (message.closed === true && clients.daemon === daemon) status.textContent = 'no daemon';
    else if ('refused' in message) status.textContent = `refused: ${message.refused.code}`;
  });
  clients.daemon = daemon;
  port.postMessage({ hello: globalThis.testVersion ?? '0.1.0' });
}

function useBridge(port) {
  clients.bridge = client(port, ({ push }) => {
    const item = document.createElement('li');
    item.textContent = JSON.stringify(push);
    events.append(item);
  });
}

window.addEventListener('message', ({ source, data, ports }) => {
  if (source !== window) return;
  if (data.type === 'telepresence-port') useDaemon(ports[0]);
  else if (data.type === 'telepresence-app-port') useBridge(ports[0]);
});

globalThis.testPage = {
  call: (which, name, input) => clients[which].call(name, input),
  sendRaw: (which, message) => clients[which].port.postMessage(message),
  isIsolated: () => typeof require === 'undefined' && typeof process === 'undefined' && !('fromElectronDouble' in globalThis),
};
