// An SMSC for tests. It prints one JSON line per thing that happens, first its port, and does what the last four digits of a
// number ask for; all else is accepted and delivered.
//
//   0001 refused: invalid destination       0002 throttled the first time, accepted then
//   0003 line cut before any answer         0004 accepted, receipt says undeliverable
//   0005 never answered                     0006 answered twice, receipt twice
//   0007 answered late (--late ms)          0008 receipt with an error code that is no number, and no text id
//   0009 throttled always                   0010 accepted, receipt before the answer
//
// --late 300   how late "late" is          --password secret   any other is refused
'use strict';
const smpp = require(require.resolve('smpp', { paths: [process.env.SMSC_MODULES || __dirname] }));

const options = {};
for (let i = 2; i < process.argv.length; i += 2) options[process.argv[i].replace(/^--/, '')] = process.argv[i + 1];
const late = Number(options.late || 300);
const tell = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const throttledOnce = new Set();
let submitted = 0;

function receipt(session, pdu, id, stat, err, optional) {
  const text = `id:${optional ? '' : id} sub:001 dlvrd:001 submit date:2611220900 done date:2611220901 stat:${stat} err:${err} text:`;
  const fields = {
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4, short_message: text,
  };
  if (optional) Object.assign(fields, { receipted_message_id: id, message_state: 2 });
  session.deliver_sm(fields, () => tell({ event: 'receipt_taken', id }));
}

function submit(session, pdu) {
  const number = pdu.destination_addr, what = number.slice(-4);
  const message = pdu.short_message || {};
  const body = Buffer.isBuffer(message.message) ? message.message.toString('hex') : String(message.message);
  tell({
    event: 'submit', number, source: pdu.source_addr, coding: pdu.data_coding, esm: pdu.esm_class,
    registered: pdu.registered_delivery, udh: message.udh ? message.udh.map((part) => part.toString('hex')).join('') : '', body,
  });
  const answer = (status, id) => session.send(pdu.response({ command_status: status, message_id: id || '' }));
  const id = `m${++submitted}`;
  switch (what) {
    case '0001': return answer(smpp.ESME_RINVDSTADR);
    case '0002':
      if (!throttledOnce.has(number)) { throttledOnce.add(number); return answer(smpp.ESME_RTHROTTLED); }
      break;
    case '0003': return session.destroy();
    case '0004': answer(0, id); return receipt(session, pdu, id, 'UNDELIV', '011');
    case '0005': return undefined;
    case '0006': answer(0, id); answer(0, id); receipt(session, pdu, id, 'DELIVRD', '000'); return receipt(session, pdu, id, 'DELIVRD', '000');
    case '0007': return setTimeout(() => answer(0, id), late);
    case '0008': answer(0, id); return receipt(session, pdu, id, 'DELIVRD', '00A', true);
    case '0009': return answer(smpp.ESME_RTHROTTLED);
    case '0010': receipt(session, pdu, id, 'DELIVRD', '000'); return setTimeout(() => answer(0, id), 50);
  }
  answer(0, id);
  return receipt(session, pdu, id, 'DELIVRD', '000');
}

const server = smpp.createServer((session) => {
  session.on('error', () => {});
  session.on('close', () => tell({ event: 'closed' }));
  session.on('bind_transceiver', (pdu) => {
    const good = !options.password || pdu.password === options.password;
    tell({ event: 'bind', system_id: pdu.system_id, good });
    session.send(pdu.response({ command_status: good ? 0 : smpp.ESME_RBINDFAIL }));
  });
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('enquire_link', (pdu) => { tell({ event: 'enquire_link' }); session.send(pdu.response()); });
  session.on('unbind', (pdu) => { tell({ event: 'unbind' }); session.send(pdu.response()); session.close(); });
});
server.listen(Number(options.port || 0), '127.0.0.1', () => tell({ event: 'listening', port: server.address().port }));

process.stdin.on('data', (line) => {  // `cut` ends every session as a network would
  if (String(line).includes('cut')) for (const session of [...server.sessions]) session.destroy();
});
process.stdin.on('end', () => process.exit(0));
