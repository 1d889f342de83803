/** What a system without IPv6 says to the address `::`. */
const NO_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** Listens on `::`, which takes IPv4 too, or on all IPv4 addresses where there is no IPv6. */
export async function listenAnywhere<T>(host: string, listen: (host: string) => Promise<T>): Promise<T> {
  try {
    return await listen(host);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (host !== '::' || !NO_IPV6.has(code)) throw error;
    return listen('0.0.0.0');
  }
}
