// The standard HTTP server, with an echo.
require('http').createServer((request, response) => {
  const parts = []
  request.on('data', (part) => parts.push(part))
  request.on('end', () => {
    const body = Buffer.concat(parts)
    response.writeHead(200, { 'Content-Length': body.length })
    response.end(body)
  })
}).listen({ fd: 3 })
