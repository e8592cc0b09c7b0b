//go:build !darwin

package desktop

import (
	"os"

	"github.com/godbus/dbus/v5"
)

// Connect begins to connect to the notification service, and does not wait: "kextwatch
// post" calls it before it has an alert. Send reports the problems.
func Connect() {
	if os.Setenv(busVariable, busAddress(os.Getenv)) == nil {
		go dbus.SessionBus() // beeep uses the same shared connection
	}
}
