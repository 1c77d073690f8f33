// Sends track messages with an unmodified library: `node send.js LIBRARY URL KEY COUNT`. The first half goes off at once, the
// second half after a line on stdin; "half" and "done" on stdout tell where it is.
const readline = require('node:readline');

const [library, url, key, count] = process.argv.slice(2);
const half = Math.floor(Number(count) / 2);

function message(i) {
  return { userId: `customer-${i % 5}`, event: 'data_usage_reported', properties: { used_pct: i % 100, used_mb: i } };
}

function segment() {
  const { Analytics } = require('@segment/analytics-node');
  const analytics = new Analytics({ writeKey: key, host: url, flushAt: 5, flushInterval: 200, maxRetries: 30 });
  analytics.on('error', (error) => console.error(error));
  return { track: (i) => analytics.track(message(i)), end: () => analytics.closeAndFlush({ timeout: 120000 }) };
}

function rudder() {
  const Analytics = require('@rudderstack/rudder-sdk-node');
  const analytics = new Analytics(key, {
    dataPlaneUrl: url, flushAt: 5, flushInterval: 200, retryCount: 60, axiosRetryConfig: { retryDelay: () => 500 },
    logLevel: 'error', errorHandler: (error) => console.error(error),
  });
  let taken = 0;
  return {
    track: (i) => analytics.track(message(i), () => { taken += 1; }),
    end: async () => {
      while (taken < Number(count)) {
        await analytics.flush().catch((error) => console.error(String(error)));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
  };
}

async function main() {
  const client = library === 'segment' ? segment() : rudder();
  const go = new Promise((resolve) => readline.createInterface({ input: process.stdin }).once('line', resolve));
  for (let i = 0; i < half; i += 1) client.track(i);
  console.log('half');
  await go;
  for (let i = half; i < Number(count); i += 1) client.track(i);
  await client.end();
  console.log('done');
  process.exit(0);
}

main();
