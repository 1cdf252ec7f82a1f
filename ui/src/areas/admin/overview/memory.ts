// Who has how much of a device's memory. Pure.
import type { Schemas } from "../../../api/client";

type Device = Schemas["DeviceView"];
type Lease = Schemas["LeaseView"];
export type Share = { who: string; kind: "tenant" | "notebook" | "other" | "elsewhere" | "free"; bytes: number };

/** Largest first, then what no lease explains, what others on the machine use, and what is free. */
export function shares(device: Device, leases: Lease[]): Share[] {
  const held = new Map<string, Share>();
  for (const lease of leases) {
    if (lease.device !== device.name) continue;
    const isNotebook = lease.kind === "notebook";
    const who = isNotebook ? lease.user || lease.holder : lease.tenant || lease.holder;
    const share = held.get(`${isNotebook}${who}`) ?? { who, kind: isNotebook ? "notebook" : "tenant", bytes: 0 };
    held.set(`${isNotebook}${who}`, { ...share, bytes: share.bytes + lease.bytes });
  }
  const known = [...held.values()].reduce((sum, share) => sum + share.bytes, 0);
  const reserved = device.resident_bytes + device.working_bytes + device.notebook_bytes;
  const rest: Share[] = [
    { who: "", kind: "other", bytes: Math.max(0, reserved - known) },
    { who: "", kind: "elsewhere", bytes: device.elsewhere_bytes },
    { who: "", kind: "free", bytes: device.free_bytes },
  ];
  return [...[...held.values()].sort((a, b) => b.bytes - a.bytes), ...rest].filter((share) => share.bytes > 0);
}
