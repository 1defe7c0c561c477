'use strict';

// A function for the Node.js runtimes: greets, by event and by HTTP trigger.

const greeting = (name) => `${process.env.GREETING || 'Hello'}, ${name || 'world'}!\n`;

// An HTTP trigger hands over the request and takes the parts of an answer.
const answer = (request) => ({
  statusCode: 200,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body: greeting((request.queryParameters || {}).name),
  isBase64Encoded: false,
});

// Answers {"name": "..."} with a greeting; an empty event greets the world.
exports.handler = (event, context, callback) => {
  let data;
  try {
    data = event.length > 0 ? JSON.parse(event) : {};
  } catch (err) {
    callback(err);
    return;
  }
  const http = data.requestContext && data.requestContext.http;
  callback(null, http ? answer(data) : greeting(data.name));
};
