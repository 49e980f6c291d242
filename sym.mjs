import net from 'node:net'
const s = new net.Socket({ onread: { buffer: Buffer.alloc(10), callback() {} } })
console.log(Object.getOwnPropertySymbols(s).map(String), s[Object.getOwnPropertySymbols(s).find(x=>x.description==='kBuffer')])
