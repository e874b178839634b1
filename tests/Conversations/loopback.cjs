// Preloaded where a server's hosts are below localhost: those names are this machine's (RFC 6761 §6.3), which not every resolver knows, and what stands at
// port 443 in production stands at FRONT_PORT here. The clients stay as their maker publishes them.
"use strict";
const dns = require("node:dns");
const net = require("node:net");

const isHere = name => String(name).endsWith(".localhost");

const { lookup } = dns;
dns.lookup = (name, options, done) => lookup(isHere(name) ? "127.0.0.1" : name, options, done);

const { connect } = net.Socket.prototype;
const moved = to => (isHere(to?.host) && Number(to.port) === 443 ? { ...to, port: Number(process.env.FRONT_PORT) } : to);
net.Socket.prototype.connect = function (first, ...rest) {
  if (Array.isArray(first)) {
    first[0] = moved(first[0]);
    return connect.call(this, first, ...rest);
  }
  return connect.call(this, moved(first), ...rest);
};
