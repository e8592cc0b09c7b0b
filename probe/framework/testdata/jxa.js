// The part of JavaScript for Automation that framework.js uses, and the objects of
// a simulated SystemPolicy.framework. A test changes mac.
"use strict";

const box = (value) => ({ isNil: () => false, value: value });
const nil = { isNil: () => true };

const ObjC = { unwrap: (it) => (it === nil ? undefined : it.value) };

const array = (...all) => ({ isNil: () => false, count: all.length, objectAtIndex: (i) => all[i] });

// object returns an object with only these getters. As in Objective-C, a call of
// another getter throws an exception.
const object = (getters) => ({
	isNil: () => false,
	respondsToSelector: (name) => name in getters,
	valueForKey: (name) => {
		if (!(name in getters)) throw new Error("this class is not key value coding-compliant for the key " + name);
		const value = getters[name];
		return typeof value === "function" ? value() : value;
	},
});

const item = (more) =>
	Object.assign(
		{
			developerName: box("Parallels International GmbH"),
			applicationName: box("Parallels Desktop"),
			applicationPath: box("/Applications/Parallels Desktop.app"),
			teamID: box("4C6364ACXT"),
			bundleIDs: array(box("com.parallels.kext.hypervisor"), box("com.parallels.kext.vnic")),
			isAllowed: box(0),
			isRebootRequired: box(0),
			isModified: box(0),
		},
		more,
	);

const without = (it, name) => {
	delete it[name];
	return it;
};

const mac = {
	framework: true,
	loads: true,
	policy: { currentPolicy: array(object(item())), pendingApprovals: array(object(item())) },
};

const $ = {
	NSBundle: {
		bundleWithPath: (path) => {
			if (!mac.framework || path !== "/System/Library/PrivateFrameworks/SystemPolicy.framework") return nil;
			return { isNil: () => false, get load() { return mac.loads; } };
		},
	},
	// The class is not a boxed value and has no isNil.
	NSClassFromString: (name) => {
		if (name !== "SPKernelExtensionPolicy" || !mac.policy) return mac.noClass;
		return { alloc: { init: mac.policy === nil ? nil : object(mac.policy) } };
	},
};
