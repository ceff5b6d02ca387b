// A handler of HTTP requests in JavaScript, with the routes of http_python.py that the Fetch API can express: no
// trailers, and no timeouts but those of the host.

const routes = {
  "/hello": () => text("hello from JavaScript\n"),
  "/echo": (request) => new Response(request.body),
  "/count": count,
  "/generate": (request, query) => new Response(zeroes(Number(query.get("bytes")))),
  "/headers": head,
  "/status": status,
  "/slow": slow,
  "/drip": (request, query) => new Response(drops(Number(query.get("times")), Number(query.get("ms")))),
  "/trap": () => { throw new Error("as asked"); },
  "/say": say,
  "/call": (request, query) => passOn(query, { method: query.get("method") ?? "GET" }),
  "/upload": (request, query) => passOn(query, { method: "POST", body: request.body, duplex: "half" }),
};

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

async function answer(request) {
  const url = new URL(request.url);
  const route = routes[url.pathname];
  return route ? route(request, url.searchParams) : text("no such route\n", { status: 404 });
}

function text(body, options = {}) {
  return new Response(body, { headers: { "content-type": "text/plain" }, ...options });
}

async function count(request) {
  let size = 0;
  if (request.body)
    for await (const piece of pieces(request.body)) size += piece.length;
  return text(`${size}\n`);
}

async function* pieces(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

function zeroes(left) {
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      const size = Math.min(left, 65536);
      left -= size;
      controller.enqueue(new Uint8Array(size));
    },
  });
}

function drops(times, milliseconds) {
  let number = 0;
  return new ReadableStream({
    async pull(controller) {
      if (number === times) return controller.close();
      controller.enqueue(new TextEncoder().encode(`drop ${number++}\n`));
      await sleep(milliseconds);
    },
  });
}

function head(request) {
  const url = new URL(request.url);
  const told = {
    method: request.method,
    target: url.pathname + url.search,
    authority: url.host,
    headers: Object.fromEntries(request.headers.entries()),
  };
  return new Response(JSON.stringify(told), {
    headers: { "content-type": "application/json", "x-guest": "javascript" },
  });
}

function status(request, query) {
  const code = Number(query.get("code"));
  return text(code === 204 || code === 304 ? null : "as asked\n", { status: code });
}

async function slow(request, query) {
  await sleep(Number(query.get("ms")));
  return text("slept\n");
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function say(request, query) {
  console.log(query.get("out"));
  console.error(query.get("err"));
  return text("said\n");
}

async function passOn(query, options) {
  try {
    const answer = await fetch(query.get("url"), { headers: { "x-caller": "javascript" }, ...options });
    return new Response(answer.body, { status: answer.status, headers: { "x-passed-on": "javascript" } });
  } catch (error) {
    return text(`${error}\n`, { status: 502 });
  }
}
