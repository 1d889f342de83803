/** Who is logged in. Kept for the tab alone: another tab asks again, and closing this one forgets it. */
export interface Login {
  readonly owner: string;
  readonly key: string;
}

const NAME = 'firmwire.login';

export function rememberedLogin(): Login | undefined {
  const text = sessionStorage.getItem(NAME);
  return text === null ? undefined : (JSON.parse(text) as Login);
}

export const remember = (login: Login): void => sessionStorage.setItem(NAME, JSON.stringify(login));

export const forget = (): void => sessionStorage.removeItem(NAME);
