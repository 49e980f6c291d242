// The page has two views, Login at /app/ and Welcome at /app/welcome, switched without loading the page anew.

const LOGIN = '/app/'
const WELCOME = '/app/welcome'
const TOKEN = 'token'

const root = document.getElementById('root')
/** Ends what the view before still waits for, so that a late answer never writes into the next view. */
let leave = new AbortController()

function open(path) {
  if (location.pathname !== path) history.pushState(undefined, '', path)
  render()
}

function render() {
  leave.abort()
  leave = new AbortController()
  const isWelcome = location.pathname.replace(/\/+$/, '') === WELCOME
  if (!isWelcome) {
    showLogin(leave.signal)
  } else if (localStorage.getItem(TOKEN) === null) {
    history.replaceState(undefined, '', LOGIN)
    showLogin(leave.signal)
  } else {
    void showWelcome(leave.signal)
  }
}

function showLogin(signal) {
  const username = element('input', { placeholder: 'username', autocomplete: 'username' })
  const password = element('input', {
    placeholder: 'password',
    type: 'password',
    autocomplete: 'current-password',
  })
  const message = element('p', { id: 'message', role: 'status' })
  const register = element('button', { type: 'button' }, 'Register')
  const form = element(
    'form',
    {},
    username,
    password,
    element('button', { type: 'submit' }, 'Login'),
    register,
  )
  const credentials = () => ({ username: username.value, password: password.value })

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    message.textContent = ''
    try {
      const { token } = JSON.parse(await call('POST', '/api/login', { body: credentials(), signal }))
      localStorage.setItem(TOKEN, token)
      open(WELCOME)
    } catch {
      message.textContent = 'Login failed'
    }
  })
  register.addEventListener('click', async () => {
    message.textContent = ''
    try {
      message.textContent = `Registered: ${await call('POST', '/api/register', { body: credentials(), signal })}`
    } catch (error) {
      message.textContent = `Error: ${error.message}`
    }
  })
  root.replaceChildren(element('main', {}, ...heading(signal), form, message))
}

async function showWelcome(signal) {
  const name = element('p', { id: 'welcome' })
  const group = element('p', { id: 'group' })
  const logout = element('button', { type: 'button' }, 'Logout')
  logout.addEventListener('click', forget)
  root.replaceChildren(element('main', {}, ...heading(signal), name, group, logout))
  try {
    const token = localStorage.getItem(TOKEN)
    const profile = JSON.parse(await call('GET', '/api/profile', { token, signal }))
    name.textContent = `Welcome, ${profile.username}`
    group.textContent = `Your group: ${profile.group}`
  } catch {
    if (!signal.aborted) forget()
  }
}

function forget() {
  localStorage.removeItem(TOKEN)
  open(LOGIN)
}

/** The heading, and the version of the backend that happens to answer when the view opens. */
function heading(signal) {
  const version = element('p', { id: 'backend-version' }, 'Backend Version:')
  call('GET', '/api/version', { signal }).then(
    (text) => {
      version.textContent = `Backend Version: ${JSON.parse(text).version}`
    },
    () => {
      version.textContent = 'Backend Version: unknown'
    },
  )
  return [element('h1', {}, 'Istio Demo'), version]
}

/** Resolves with the text of a good answer; rejects with an Error that holds the text of a bad one. */
async function call(method, path, { body, token, signal }) {
  const headers = {}
  if (token !== undefined) headers['Authorization'] = `Bearer ${token}`
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const response = await fetch(path, {
    method,
    headers,
    body: body && JSON.stringify(body),
    cache: 'no-store',
    signal,
  })
  const text = (await response.text()).trim()
  if (!response.ok) throw new Error(text)
  return text
}

function element(tag, attributes, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  node.append(...children)
  return node
}

addEventListener('popstate', render)
render()
