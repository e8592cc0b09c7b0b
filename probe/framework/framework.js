// Queries SystemPolicy.framework of macOS for the kernel extensions that are
// allowed and those that wait for approval, and returns one JSON document. It
// changes nothing: it calls only getters.
//
// The framework is private. The script checks that a class or selector exists
// before it uses it, and the answer names a missing one. It calls getters by name
// through valueForKey, which also boxes a BOOL; on Intel a BOOL is a char.
function run() {
	"use strict";

	class Unsupported extends Error {}

	const isNothing = (value) => {
		if (value === undefined || value === null) return true;
		try {
			return typeof value.isNil === "function" && Boolean(value.isNil());
		} catch (_) {
			return false;
		}
	};

	// get calls the first getter that exists, and returns undefined if none does.
	const get = (object, ...getters) => {
		for (const getter of getters) {
			if (object.respondsToSelector(getter)) return object.valueForKey(getter);
		}
		return undefined;
	};

	const need = (object, what, ...getters) => {
		const value = get(object, ...getters);
		if (value === undefined) throw new Unsupported(what + " has no " + getters[0]);
		return value;
	};

	const text = (value) => (isNothing(value) ? "" : String(ObjC.unwrap(value)));

	const yes = (value) => {
		if (isNothing(value)) return null;
		const plain = ObjC.unwrap(value);
		if (plain === true || plain === 1) return true;
		if (plain === false || plain === 0) return false;
		return null;
	};

	const list = (array, each) => {
		const all = [];
		if (isNothing(array)) return all;
		for (let i = 0; i < Number(array.count); i++) all.push(each(array.objectAtIndex(i)));
		return all;
	};

	const item = (it) => {
		const what = "SPKernelExtensionPolicyItem";
		return {
			developer: text(get(it, "developerName")),
			application: text(get(it, "applicationName")),
			path: text(get(it, "applicationPath")),
			team: text(need(it, what, "teamID")),
			bundles: list(need(it, what, "bundleIDs"), text),
			allowed: yes(need(it, what, "isAllowed", "allowed")),
			restart: yes(get(it, "isRebootRequired", "rebootRequired")),
			modified: yes(get(it, "isModified", "modified")),
			upgrade: yes(get(it, "isPendingUpgrade", "pendingUpgrade")),
		};
	};

	const ask = () => {
		const framework = $.NSBundle.bundleWithPath("/System/Library/PrivateFrameworks/SystemPolicy.framework");
		if (isNothing(framework) || !framework.load) throw new Unsupported("there is no SystemPolicy.framework");
		const found = $.NSClassFromString("SPKernelExtensionPolicy");
		if (isNothing(found)) throw new Unsupported("SystemPolicy.framework has no SPKernelExtensionPolicy");
		const policy = found.alloc.init;
		if (isNothing(policy)) throw new Error("SPKernelExtensionPolicy could not be made");
		const current = need(policy, "SPKernelExtensionPolicy", "currentPolicy");
		if (isNothing(current)) throw new Error("macOS did not say which kernel extensions are allowed");
		const pending = get(policy, "pendingApprovals");
		return { state: "ok", current: list(current, item), pending: isNothing(pending) ? null : list(pending, item) };
	};

	let answer;
	try {
		answer = ask();
	} catch (error) {
		answer = {
			state: error instanceof Unsupported ? "unsupported" : "failed",
			reason: String((error && error.message) || error),
		};
	}
	return JSON.stringify(Object.assign({ protocol: 1 }, answer));
}
