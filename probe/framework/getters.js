// Asks SystemPolicy.framework of macOS which of its newer getters it has, and returns
// one line for each of them. It changes nothing: it calls only getters that answer yes
// or no, and never one that returns a list, which would name kernel extensions.
//
// The names are from headers of the framework in macOS 15.4.
function run() {
	"use strict";

	const isNothing = (value) => {
		if (value === undefined || value === null) return true;
		try {
			return typeof value.isNil === "function" && Boolean(value.isNil());
		} catch (_) {
			return false;
		}
	};

	const message = (error) => String((error && error.message) || error);

	// answer is yes or no, if that is what the getter returns.
	const answer = (object, getter) => {
		if (!object.respondsToSelector(getter)) return "missing";
		try {
			const value = object.valueForKey(getter);
			const plain = isNothing(value) ? null : ObjC.unwrap(value);
			if (plain === true || plain === 1) return "yes";
			if (plain === false || plain === 0) return "no";
			return "neither yes nor no";
		} catch (error) {
			return "failed: " + message(error);
		}
	};

	const there = (object, getter) => (object.respondsToSelector(getter) ? "there" : "missing");

	const ask = () => {
		const framework = $.NSBundle.bundleWithPath("/System/Library/PrivateFrameworks/SystemPolicy.framework");
		if (isNothing(framework) || !framework.load) return ["there is no SystemPolicy.framework"];
		const found = $.NSClassFromString("SPKernelExtensionPolicy");
		if (isNothing(found)) return ["SystemPolicy.framework has no SPKernelExtensionPolicy"];
		const policy = found.alloc.init;
		if (isNothing(policy)) return ["SPKernelExtensionPolicy could not be made"];
		const lines = [];
		for (const getter of [
			"requiresSecurityDowngrade",
			"requiresRebootForInstallation",
			"requiresAuthenticationOnUpdates",
			"requiresAdministratorToApproveUpdates",
		]) {
			lines.push(getter + ": " + answer(policy, getter));
		}
		for (const getter of ["currentPolicy", "pendingApprovals", "currentUAKL"]) {
			lines.push(getter + ": " + there(policy, getter));
		}
		return lines;
	};

	try {
		return ask().join("\n");
	} catch (error) {
		return "failed: " + message(error);
	}
}
