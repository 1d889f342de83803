import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { App, AppProvider } from './app.js';
import type { Refused } from './mqtt/messages.js';
import { route } from './route.js';
import { forget, type Login, remember, rememberedLogin } from './session.js';
import { Toasts } from './ui/toasts.js';
import { DeviceView } from './views/device.js';
import { FirmwarePage } from './views/firmware.js';
import { FleetPage } from './views/fleet.js';
import { Header } from './views/header.js';
import { KeysPage } from './views/keys.js';
import { LoginForm } from './views/login.js';

const REFUSALS: Readonly<Record<Refused, string>> = {
  credentials: 'This owner id and this key do not belong together, or the key has been revoked.',
  device_key: 'This is a device key. The page needs an owner key.',
};

const refusal = signal('');
/** The last one that tried: who mistyped a key need not type the owner id again. */
const lastOwner = signal('');
const open = (login: Login): App =>
  new App(login, (why) => {
    refusal.value = REFUSALS[why];
    logOut();
  });
const remembered = rememberedLogin();
const app = signal<App | undefined>(remembered && open(remembered));

function logOut(): void {
  forget();
  app.value?.close();
  app.value = undefined;
}

function logIn(login: Login): void {
  refusal.value = '';
  lastOwner.value = login.owner;
  remember(login);
  app.value = open(login);
}

function View({ at }: { at: string }) {
  const [name, id] = at.split('/');
  if (name === 'device' && id !== undefined) return <DeviceView key={id} udid={id} />;
  if (name === 'firmware') return <FirmwarePage />;
  if (name === 'keys') return <KeysPage />;
  return <FleetPage />;
}

/** The view there is; another one takes the focus, as the link that led to it is gone. */
function Content() {
  const at = route.value;
  const ref = useRef<HTMLElement>(null);
  const last = useRef(at);
  useEffect(() => {
    if (last.current !== at) ref.current?.focus({ preventScroll: true });
    last.current = at;
  }, [at]);
  return (
    <main id="content" ref={ref} tabIndex={-1}>
      <View at={at} />
    </main>
  );
}

/** The whole page: a login form, or what the owner sees. */
export function Page() {
  const current = app.value;
  if (!current) return <LoginForm owner={lastOwner.value} refusal={refusal.value} onLogin={logIn} />;
  return (
    <AppProvider value={current}>
      <a class="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <Header onLogOut={logOut} />
      <Content />
      <Toasts />
    </AppProvider>
  );
}

/** The address after # says which view is shown, so the browser must not take it for a place in the page. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}
