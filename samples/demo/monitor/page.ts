export interface PageOptions {
  readonly version: string
  /** Base address of the calls to `/api`, without a slash at its end; empty for the page's own origin. */
  readonly appHost: string
}

/** The whole page, its script inline. Both values are escaped for the place where they stand. */
export function renderPage(options: PageOptions): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Monitor Dashboard</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Monitor Dashboard</h1>
<p id="version">Monitor Service Version: ${escapeHtml(options.version)}</p>
${SECTIONS}
</main>
<script>
const HOST = ${scriptLiteral(options.appHost)}
${SCRIPT}
</script>
</body>
</html>
`
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)
}

/** A JavaScript string that cannot end the script element it stands in. */
export function scriptLiteral(text: string): string {
  const escape = (letter: string): string => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, escape)
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0; display: grid; justify-content: center; grid-template-columns: minmax(0, 44rem) }
main { padding: 1.5rem }
section { border-top: 1px solid #8886; padding: 1rem 0 }
h2 { font-size: 1.05rem; margin: 0 0 .5rem }
form { display: flex; flex-wrap: wrap; gap: .5rem }
input, button { font: inherit; padding: .35rem .6rem }
input { flex: 1 1 10rem; min-width: 0 }
output, pre { display: block; margin: .5rem 0 0; min-height: 1.5em; white-space: pre-wrap; overflow-wrap: anywhere }
`

const SECTIONS = `<section>
<h2>Login</h2>
<form id="login">
<input name="username" aria-label="name" value="admin" autocomplete="username">
<input name="password" aria-label="password" type="password" value="admin" autocomplete="current-password">
<button>Login</button>
</form>
<output id="login-result"></output>
</section>
<section>
<h2>Users</h2>
<button id="load-users" type="button">Load Users</button>
<pre id="users" aria-live="polite"></pre>
</section>
<section>
<h2>Delete user</h2>
<form id="delete">
<input name="username" aria-label="name" placeholder="username" autocomplete="off">
<button>Delete User</button>
</form>
<output id="delete-result"></output>
</section>
<section>
<h2>Update password</h2>
<form id="update">
<input name="username" aria-label="name" placeholder="username" autocomplete="off">
<input name="password" aria-label="new password" type="password" placeholder="new password" autocomplete="new-password">
<button>Update Password</button>
</form>
<output id="update-result"></output>
</section>`

const SCRIPT = `
const find = (id) => document.getElementById(id)
const userPath = (name) => '/api/users/' + encodeURIComponent(name)

// Resolves with the text of a good answer; rejects with the text of a bad one.
async function call(method, path, body) {
  const headers = {}
  const token = localStorage.getItem('token')
  if (token !== null) headers['Authorization'] = 'Bearer ' + token
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const response = await fetch(HOST + path, { method, headers, body: body && JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(text.trim())
  return text
}

async function show(id, answer) {
  try {
    find(id).textContent = await answer
  } catch (error) {
    find(id).textContent = 'Error: ' + error.message
  }
}

function onSubmit(id, act) {
  find(id).addEventListener('submit', (event) => {
    event.preventDefault()
    const { username, password } = Object.fromEntries(new FormData(event.target))
    show(id + '-result', act(username, password))
  })
}

onSubmit('login', async (username, password) => {
  const { token } = JSON.parse(await call('POST', '/api/login', { username, password }))
  localStorage.setItem('token', token)
  return 'Logged in as ' + username
})
onSubmit('delete', (username) => call('DELETE', userPath(username)))
onSubmit('update', (username, password) => call('PUT', userPath(username), { password }))
find('load-users').addEventListener('click', () => {
  show('users', call('GET', '/api/users').then((text) => JSON.stringify(JSON.parse(text), null, 2)))
})
`
