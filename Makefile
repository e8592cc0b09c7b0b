# Works with GNU make 3.81, which macOS ships, and later.

GO           ?= go
STATICCHECK  ?= v0.8.2
BENCHSTAT    ?= v0.0.0-20260908200009-22c9c6c9d4da
MACHORUN_SRC ?= ../shared/machorun

# The race detector watches our code and the libraries, but not SQLite: that is C code
# in Go's words, which it makes ten times slower to compile and to run. A package that
# holds generic code of others must not be here (see TestGoPackagesThatAreNotRaced).
NOT_RACED = modernc.org/sqlite/lib

# By default, each program waits a second at its end for more reports. The scripts start
# a program a thousand times.
RACE_OPTIONS = atexit_sleep_ms=20

# The packages whose tests take longest come first, and the module that replaces systray's
# logger last.
PACKAGES  = ./agent ./probe/mac ./agent/approval ./probe/watch ./agent/retry ./probe/policy ./probe/simmac ./... github.com/getlantern/golog
# The tests mostly wait, so more of them run at once than there are processors: so many of
# a package, and so many packages. With the race detector they also compute.
AT_ONCE          = 6
PACKAGES_AT_ONCE = 4
RACED_AT_ONCE    = 3

PLATFORMS = linux/amd64 darwin/amd64 darwin/arm64

# The tests make hundreds of simulated Macs, with more than 100,000 files. ext4 takes long
# for that: before it makes a file, it looks at those that were deleted in the last minutes.
# So the files are in memory where Linux has a place for them, with room, and programs may
# run there; not if TMPDIR names another place.
IN_MEMORY = [ -z "$$TMPDIR" ] && dir=$$(mktemp -d /dev/shm/kextwatch-tests.XXXXXX 2>/dev/null) && trap 'rm -rf "$$dir"' EXIT && trap 'exit 130' HUP INT TERM && \
	chmod 755 "$$dir" && [ "$$(df -Pk "$$dir" | awk 'END { print $$4 }')" -gt 2000000 ] 2>/dev/null && printf '\#!/bin/sh\n' >"$$dir/run" && chmod +x "$$dir/run" && "$$dir/run" 2>/dev/null && \
	export TMPDIR="$$dir";

# make check compiles with the flag of the finished programs, so that Go's cache
# keeps one version of each package. Compiling SQLite takes 40 seconds.
AS_BUILT = GOFLAGS='$(strip $(shell $(GO) env GOFLAGS) -trimpath)'

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD   = $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

# The tray needs a C compiler. On Linux it also needs a library and a build tag.
CGO      = $(filter 1,$(shell $(GO) env CGO_ENABLED))
TRAY_LIB = $(shell pkg-config --exists ayatana-appindicator3-0.1 2>/dev/null && echo found)
TAGS     = $(if $(CGO),$(if $(TRAY_LIB),tray))
MACOS    = $(filter darwin,$(shell $(GO) env GOOS))
TRAY     = $(if $(CGO),$(if $(MACOS)$(TRAY_LIB),with))

# The C compiler writes the oldest macOS into the program. Without this option,
# that is the macOS of the build. assets/bundle checks the result.
OLDEST_MACOS = -mmacosx-version-min=$(if $(filter arm64,$(1)),11.0,10.13)
MACOS_FLAGS  = CGO_CFLAGS='-O2 -g $(OLDEST_MACOS)' CGO_LDFLAGS='-O2 -g $(OLDEST_MACOS)'

# The same commit makes the same bytes.
BUILD_NUMBER      = $(shell git rev-list --count HEAD 2>/dev/null || echo 0)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)
BUNDLE            = $(GO) run ./assets/bundle

# The app contains two programs: kextwatch with the tray, which only a Mac can
# link, and kextwatch-reader, which runs as root and never uses cgo. On Linux
# the app has no tray and is for inspection.
PROCESSORS = amd64 arm64
comma      = ,
TRAYLESS   = $(PROCESSORS:%=build/kextwatch-darwin-%)
READERS    = $(PROCESSORS:%=build/kextwatch-reader-darwin-%)
PROGRAMS   = $(if $(MACOS),$(PROCESSORS:%=build/kextwatch-tray-%),$(TRAYLESS))
list       = $(subst $(space),$(comma),$(strip $(1)))

# The signing identity. - means ad hoc, for one Mac. See docs/releasing.md.
SIGN_AS = -
SIGN    = codesign --force --sign '$(SIGN_AS)' $(if $(filter -,$(SIGN_AS)),--timestamp=none,--options runtime --timestamp)

# The tests of the real tray and notifications need X, D-Bus and a notification
# daemon. The test of the script that queries macOS's framework needs node. The
# tests of the formats need other programs' readers, shellcheck for the scripts of the
# package among them. These tests run on Linux only.
MISSING      = $(if $(MACOS),,$(strip $(if $(CGO),,gcc) $(if $(TRAY_LIB),,libayatana-appindicator3-dev) \
	$(foreach tool,Xvfb dbus-daemon dunst node python3 icns2png mandoc shellcheck ruby,$(if $(shell command -v $(tool) 2>/dev/null),,$(tool)))))
DESKTOP_TAGS = $(if $(MACOS)$(MISSING),$(TAGS),tray desktop formats)
OTHER_TAGS   = pictures browser machorun compare mutations soak

# The pictures also need a real panel, a real terminal and real dialogs.
PICTURES_MISSING = $(strip $(MISSING) $(foreach tool,xfce4-panel xterm zenity,$(if $(shell command -v $(tool) 2>/dev/null),,$(tool))))
README_PICTURES  = blocked-open-light blocked-open-dark restart-pending-light unknown-dark

# The test of the report needs a browser, axe-core for accessibility, and the text of
# what is printed.
AXE             ?= 4.10.2
AXE_DIR          = build/axe-core-$(AXE)
BROWSER_MISSING  = $(if $(MACOS),chromium,$(strip $(foreach tool,chromium npm pdftotext,$(if $(shell command -v $(tool) 2>/dev/null),,$(tool)))))

# The comparison needs what a person would build instead. CI does not run it.
COMPARE_MISSING = $(if $(MACOS),Linux,$(strip $(foreach tool,dbus-daemon inotifywait sqlite3 notify-send setsid,$(if $(shell command -v $(tool) 2>/dev/null),,$(tool)))))
COMPARE         = cd agent && KEXTWATCH_PROGRAM='$(CURDIR)/build/kextwatch-here' ../build/compare.test -test.timeout 0
ROUNDS         ?= 30
HOW            ?= hang

# The tests under faults. They count windows, alerts and events.
SOAK_PACKAGES = ./agent ./agent/loop ./probe/watch
SOAK          = $(AS_BUILT) KEXTWATCH_SOAK_SEED='$(SEED)' $(GO) test -count 1 -v -timeout 0 -p 3 -tags soak -run '^TestSoak' $(SOAK_PACKAGES)
MINUTES      ?= 60

# The tests that cannot run under machorun. They run go list or go build, which
# have no module cache as an ordinary user. The scripts of the package, of Jamf and of
# Munki are run by the shell of Linux, which cannot start a program for macOS.
NOT_UNDER_MACHORUN = TestArrows$$ TestGo TestPackage$$ TestScript$$/^fleet_engines$$

empty =
space = $(empty) $(empty)

.PHONY: help demo test build check lint race darwin machorun under-machorun manual app dist pkg formula reproducible deps compare hanging bench fuzz mutations clean icons pictures movie browser soak faults

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: build ## play a story on a simulated Mac
	bin/kextwatch demo

# -count 1: some tests fill the disk of the whole process. This must not truncate
# a file that go test keeps for its cache.
test: ## all tests that need only Go, and those of the tray if its library is installed; RACE=1: as make race
	$(if $(RACE),$(MAKE) --no-print-directory race,$(IN_MEMORY) $(GO) test -count 1 -p $(PACKAGES_AT_ONCE) -parallel $(AT_ONCE) -tags '$(TAGS)' $(PACKAGES))

icons: ## draw all icons again after a change in assets/draw
	$(GO) generate ./assets

build: ## bin/kextwatch, with the tray if its library is installed, and bin/kextwatch-reader
	$(if $(MACOS),$(call MACOS_FLAGS,$(shell $(GO) env GOARCH))) $(BUILD) -tags '$(TAGS)' -o bin/kextwatch ./agent
	CGO_ENABLED=0 $(BUILD) -o bin/kextwatch-reader ./agent/reader
	@echo "bin/kextwatch is built $(if $(TRAY),with the tray,without the tray; make deps installs what the tray needs)"

# RACED=1: the tests have run with the race detector already. machorun comes first: it takes
# longest and mostly waits.
check: machorun lint $(if $(RACED),,race) faults pictures browser darwin reproducible ## all checks of CI; race includes every test of make test

# On a new machine, staticcheck spends a minute on the libraries for each platform. So it
# checks everything once, and for the other platforms only the packages with files that
# the first run did not see.
FILES = $(GO) list -f '{{$$dir := .Dir}}{{range .GoFiles}}{{$$dir}}/{{.}}{{"\n"}}{{end}}{{range .TestGoFiles}}{{$$dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$$dir}}/{{.}}{{"\n"}}{{end}}'

lint: build/staticcheck-$(STATICCHECK) ## gofmt, go mod tidy, vet for every platform, staticcheck for Linux and macOS
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change: $$unformatted"; exit 1; }
	$(GO) mod tidy -diff
	$(AS_BUILT) $(GO) vet -tags '$(DESKTOP_TAGS) $(OTHER_TAGS)' $(PACKAGES)
	$(AS_BUILT) $< -tags '$(DESKTOP_TAGS) $(OTHER_TAGS)' $(PACKAGES)
	@set -e; seen=$$(mktemp); trap 'rm -f "$$seen"' EXIT; \
	$(FILES) -tags '$(DESKTOP_TAGS) $(OTHER_TAGS)' $(PACKAGES) >"$$seen"; \
	for platform in $(PLATFORMS); do \
		echo "vet for $$platform"; \
		export GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 $(AS_BUILT); \
		$(GO) vet $(PACKAGES); \
		new=$$($(FILES) $(PACKAGES) | grep -vxFf "$$seen" | sed 's|/[^/]*$$||' | sort -u); \
		[ -z "$$new" ] || { echo "staticcheck for $$platform:" $$new; $< $$new; }; \
	done

build/staticcheck-$(STATICCHECK):
	GOBIN='$(CURDIR)/build' $(GO) install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK)
	mv build/staticcheck $@

race: ## all tests with the race detector, a real tray, and other programs' readers
	@[ -z '$(MISSING)' ] || { \
		echo 'skipped: the tests of the real tray, notifications, the framework script and formats. Missing: $(MISSING). On Debian, make deps installs them.'; \
		[ '$(CI)' != true ]; }
	$(IN_MEMORY) $(AS_BUILT) GORACE='$(RACE_OPTIONS)' $(GO) test -count 1 -timeout 20m -p $(RACED_AT_ONCE) -race $(NOT_RACED:%=-gcflags='%=-race=false') -parallel $(AT_ONCE) -tags '$(DESKTOP_TAGS)' $(PACKAGES)

# A page with all pictures that were drawn.
INDEX = @cd build/pictures 2>/dev/null && { \
	echo '<!doctype html><meta charset="utf-8"><title>kextwatch: pictures</title><style>body{font:16px sans-serif;background:\#888}figure{display:inline-block;vertical-align:top}img{max-width:45vw}</style>'; \
	for picture in *.png; do echo "<figure><figcaption>$${picture%.png}</figcaption><a href=\"$$picture\"><img src=\"$$picture\" alt=\"$${picture%.png}\"></a></figure>"; done; \
	} >index.html.$@ && mv index.html.$@ index.html || true

pictures: ## build/pictures, with index.html: what a user sees at each verdict; DOCS=docs/pictures copies some
	@if [ -n '$(PICTURES_MISSING)' ]; then \
		echo 'skipped: the pictures. Missing: $(PICTURES_MISSING). On Debian, make deps installs them.'; \
		[ '$(CI)' != true ]; \
	else \
		$(AS_BUILT) KEXTWATCH_PICTURES='$(CURDIR)/build/pictures' \
			$(GO) test -count 1 -tags 'tray desktop pictures' -run 'Picture' ./agent; \
	fi
	$(INDEX)
	$(if $(DOCS),mkdir -p '$(DOCS)' && cp $(README_PICTURES:%=build/pictures/%.png) '$(DOCS)')

movie: ## build/movie: the moving pictures of the README; DOCS=docs/pictures copies them
	@[ -z '$(PICTURES_MISSING)' ] || { echo 'missing: $(PICTURES_MISSING). On Debian, make deps installs them.'; exit 1; }
	mkdir -p build/movie
	$(AS_BUILT) KEXTWATCH_MOVIE='$(CURDIR)/build/movie' $(GO) test -count 1 -tags 'tray desktop pictures' -run TestMovieOfPictures ./agent
	$(if $(DOCS),mkdir -p '$(DOCS)' && cp build/movie/*.gif '$(DOCS)')

browser: ## test the report and the guide in Chromium: axe-core, on paper, hostile names; pictures in build/pictures
	@if [ -n '$(BROWSER_MISSING)' ]; then \
		echo 'skipped: the report and the guide in a browser. Missing: $(BROWSER_MISSING). On Debian, make deps installs them.'; \
		[ '$(CI)' != true ]; \
	else \
		$(MAKE) --no-print-directory $(AXE_DIR) && \
		$(AS_BUILT) KEXTWATCH_AXE='$(CURDIR)/$(AXE_DIR)/node_modules/axe-core/axe.min.js' KEXTWATCH_PICTURES='$(CURDIR)/build/pictures' \
			$(GO) test -count 1 -tags browser -run 'InABrowser|TestHostileReport' ./agent; \
	fi
	$(INDEX)
	$(if $(DOCS),mkdir -p '$(DOCS)' && cp build/pictures/report.png '$(DOCS)')

$(AXE_DIR):
	npm install --prefix $@.part --no-save --no-audit --no-fund --ignore-scripts axe-core@$(AXE)
	mv $@.part $@

darwin: $(TRAYLESS) $(READERS) ## build and check the macOS programs, without cgo and tray
	$(BUNDLE) check $^

build/kextwatch-darwin-%: FORCE
	GOOS=darwin GOARCH=$* CGO_ENABLED=0 $(BUILD) -o $@ ./agent

build/kextwatch-reader-darwin-%: FORCE
	GOOS=darwin GOARCH=$* CGO_ENABLED=0 $(BUILD) -o $@ ./agent/reader

build/kextwatch-tray-%: FORCE
	GOOS=darwin GOARCH=$* CGO_ENABLED=1 $(call MACOS_FLAGS,$*) $(BUILD) -o $@ ./agent

build/kextwatch-here: FORCE
	CGO_ENABLED=0 $(BUILD) -o $@ ./agent

FORCE:

# Elsewhere the tests run as they are, because with the race detector some try less.
machorun: ## run the macOS program and its tests on Linux with machorun
	@why=; \
	[ "$$(uname -sm)" = 'Linux x86_64' ] || why='machorun needs Linux on x86_64.'; \
	[ -d '$(MACHORUN_SRC)' ] || why='$(MACHORUN_SRC) does not exist.'; \
	if [ -n "$$why" ]; then \
		echo "skipped: running the macOS program here. $$why"; \
		$(MAKE) --no-print-directory test RACE=; \
	else \
		$(MAKE) --no-print-directory under-machorun; \
	fi

# An ordinary user runs everything from its own folder, because root ignores
# permissions. The tests mostly wait, so those of agent, of probe and of the others run
# side by side.
under-machorun:
	@mkdir -p build
	$(MAKE) -C '$(MACHORUN_SRC)' OUT='$(CURDIR)/build/machorun'
	@set -e; \
	stage=$$(mktemp -d); trap 'rm -rf "$$stage"' EXIT; \
	mkdir "$$stage/tests" "$$stage/home" "$$stage/tmp"; \
	cp build/machorun "$$stage"; \
	export $(AS_BUILT); \
	$(GO) test -c -ldflags '-s -w' -tags machorun -o "$$stage/end-to-end" ./agent; \
	export GOOS=darwin GOARCH=amd64 CGO_ENABLED=0; \
	$(BUILD) -o "$$stage/kextwatch-darwin-amd64" ./agent; \
	$(GO) test -c -ldflags '-s -w' -o "$$stage/tests/" ./...; \
	dirs=$$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); \
	nobody=; \
	if [ "$$(id -u)" = 0 ]; then \
		nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'; \
		chmod -R a+rX "$$stage"; \
		chown -R 65534:65534 "$$stage"; \
	fi; \
	run() { \
		$$nobody env -i PATH="$$PATH" HOME="$$stage/home" TMPDIR="$$stage/tmp" \
			KEXTWATCH_DARWIN="$$stage/machorun $$stage/kextwatch-darwin-amd64" "$$@"; \
	}; \
	tests() { \
		for dir; do \
			echo "under machorun: the tests of $${dir#$(CURDIR)/}"; \
			(cd "$$dir" && run "$$stage/machorun" "$$stage/tests/$${dir##*/}.test" \
				-test.timeout 10m -test.skip '^$(subst $(space),|^,$(strip $(NOT_UNDER_MACHORUN)))') \
				|| echo "$${dir#$(CURDIR)/}" >>"$$stage/failed"; \
		done; \
	}; \
	: >"$$stage/failed"; \
	tests '$(CURDIR)/agent' >"$$stage/agent.log" 2>&1 & agent=$$!; \
	tests $$(printf '%s\n' $$dirs | grep '^$(CURDIR)/probe') >"$$stage/probe.log" 2>&1 & probe=$$!; \
	tests $$(printf '%s\n' $$dirs | grep -v '^$(CURDIR)/\(agent$$\|probe\)'); \
	wait $$agent; wait $$probe; \
	cat "$$stage/agent.log" "$$stage/probe.log"; \
	[ ! -s "$$stage/failed" ] || { echo "failed under machorun: $$(tr '\n' ' ' <"$$stage/failed")"; exit 1; }; \
	echo 'under machorun: the program, from end to end'; \
	cd agent; \
	[ -n "$$(run "$$stage/end-to-end" -test.list Darwin)" ] || { echo 'no end-to-end test for macOS found'; exit 1; }; \
	run "$$stage/end-to-end" -test.timeout 5m -test.run Darwin

manual: build/kextwatch-here ## build/manual: the manual page and shell completions
	mkdir -p build/manual
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $< man >build/manual/kextwatch.1
	$< completion bash >build/manual/kextwatch.bash
	$< completion zsh >build/manual/_kextwatch
	$< completion fish >build/manual/kextwatch.fish

app: $(PROGRAMS) $(READERS) manual ## build/Kextwatch.app; on Linux for inspection only
	$(BUNDLE) app -o build/Kextwatch.app -version '$(VERSION)' -build $(BUILD_NUMBER) \
		-program $(call list,$(PROGRAMS)) -reader $(call list,$(READERS)) -manual build/manual
ifneq ($(MACOS),)
	$(SIGN) --identifier io.kextwatch.reader build/Kextwatch.app/Contents/Helpers/kextwatch-reader
	$(SIGN) build/Kextwatch.app
	codesign --verify --deep --strict build/Kextwatch.app
endif

dist: app ## build/dist: the app as a zip, the list of its modules, checksums
	rm -rf build/dist
	$(BUNDLE) dist -app build/Kextwatch.app -o build/dist -time $(SOURCE_DATE_EPOCH) $(if $(filter 1,$(LAYOUT_ONLY)),-layout-only)

# The signing identity for the package, a "Developer ID Installer". Without one,
# the package is not signed.
SIGN_PKG_AS =

pkg: app ## build/kextwatch.pkg, which installs the app for every user of a Mac; on Linux only its layout, build/pkg
	$(BUNDLE) pkg -app build/Kextwatch.app -o build/pkg
ifneq ($(MACOS),)
	pkgbuild --root build/pkg/root --component-plist build/pkg/component.plist --scripts build/pkg/scripts \
		--identifier io.kextwatch.pkg --version "$$(cat build/pkg/version)" --install-location / --ownership recommended \
		build/pkg/kextwatch.pkg
	productbuild --distribution build/pkg/distribution.xml --package-path build/pkg \
		$(if $(SIGN_PKG_AS),--sign '$(SIGN_PKG_AS)' --timestamp) build/kextwatch.pkg
endif

# The archive is that of the tag, not of the files here.
formula: ## build/homebrew: the source of the release VERSION=v1.2.3, and a formula for it; URL= of that archive, HOMEPAGE=
	@mkdir -p build/homebrew
	git archive --format=tar.gz --prefix='kextwatch-$(VERSION)/' -o build/homebrew/source.part '$(VERSION)'
	mv build/homebrew/source.part 'build/homebrew/kextwatch-$(VERSION).tar.gz'
	$(BUNDLE) formula -url '$(URL)' -homepage '$(HOMEPAGE)' -version '$(VERSION)' \
		-archive 'build/homebrew/kextwatch-$(VERSION).tar.gz' >build/homebrew/kextwatch.rb.part
	mv build/homebrew/kextwatch.rb.part build/homebrew/kextwatch.rb

# Folder, time zone, language and umask must not change the bytes.
reproducible: ## run make dist pkg in two folders and compare the bytes
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	for copy in a another/and/longer; do \
		mkdir -p "$$dir/$$copy"; \
		tar -c --exclude ./.git --exclude ./bin --exclude ./build . | tar -x -C "$$dir/$$copy"; \
	done; \
	pack() { $(MAKE) --no-print-directory -C "$$dir/$$1" dist pkg LAYOUT_ONLY=1 VERSION='$(VERSION)' \
		BUILD_NUMBER=$(BUILD_NUMBER) SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) >"$$dir/log" 2>&1 || { cat "$$dir/log"; exit 1; }; }; \
	pack a; \
	(umask 077; export TZ=Asia/Tokyo LC_ALL=C; pack another/and/longer); \
	for made in dist pkg; do diff -r "$$dir/a/build/$$made" "$$dir/another/and/longer/build/$$made"; done; \
	cat "$$dir/a/build/dist/SHA256SUMS"

deps: ## install what make check needs, on Debian and similar systems
	@command -v apt-get >/dev/null || { \
		echo 'make deps needs apt-get. On macOS, run xcode-select --install instead.'; exit 1; }
	$(SUDO) apt-get update
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		ca-certificates git gcc libc6-dev make pkg-config libayatana-appindicator3-dev xvfb dbus dunst nodejs \
		python3 icnsutils mandoc shellcheck ruby xfce4-panel xterm zenity fonts-dejavu-core chromium poppler-utils \
		$(if $(shell command -v npm 2>/dev/null),,npm)

SUDO = $(if $(filter 0,$(shell id -u)),,sudo)

compare: build/compare.test ## kextwatch beside two scripts that a person could use instead; ROUNDS=1000 takes 45 minutes
	$(COMPARE) -test.run '^TestCompare$$' -rounds $(ROUNDS)

hanging: build/compare.test ## how long a user waits if a tool of the Mac hangs; HOW=crash is another failure
	$(COMPARE) -test.run '^TestHanging$$' -test.parallel 8 -how $(HOW)

build/compare.test: build/kextwatch-here
	@[ -z '$(COMPARE_MISSING)' ] || { echo 'missing: $(COMPARE_MISSING). On Debian, install dbus inotify-tools sqlite3 libnotify-bin.'; exit 1; }
	$(GO) test -c -tags 'desktop compare' -o $@ ./agent

soak: ## try the program under thousands of faults, let it run for MINUTES=60, and write docs/reliability.md; SEED=1 repeats a run
	@mkdir -p build && rm -f build/soak.jsonl
	KEXTWATCH_SOAK='$(CURDIR)/build/soak.jsonl' KEXTWATCH_SOAK_MINUTES=$(MINUTES) $(SOAK)
	$(GO) run ./probe/mactest/soak/report build/soak.jsonl '$(VERSION)' >build/reliability.md && mv build/reliability.md docs/reliability.md

faults: ## the short form of make soak, in a minute
	$(SOAK)

# Six runs: with fewer, benchstat cannot tell a change from noise. go test runs
# benchmarks of several packages one after the other.
BENCHES = $(GO) test -run '^$$' -bench . -benchmem -benchtime 200ms -count 6 ./...

bench: build/benchstat-$(BENCHSTAT) ## run the benchmarks and compare them with docs/benchmarks.txt; BASELINE=1 replaces that file
	@mkdir -p build
	$(BENCHES) >build/benchmarks.txt || { cat build/benchmarks.txt; exit 1; }
	@grep -v 'no test files' build/benchmarks.txt >build/benchmarks.part && mv build/benchmarks.part build/benchmarks.txt
	$(if $(BASELINE),cp build/benchmarks.txt docs/benchmarks.txt && $< docs/benchmarks.txt,$< baseline=docs/benchmarks.txt now=build/benchmarks.txt)

build/benchstat-$(BENCHSTAT):
	GOBIN='$(CURDIR)/build' $(GO) install golang.org/x/perf/cmd/benchstat@$(BENCHSTAT)
	mv build/benchstat $@

fuzz: ## run every fuzz target for FUZZTIME, one after the other; make test runs their seeds
	@failed=; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		for target in $$(grep -oh --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' $$dir/*_test.go | cut -c 6-); do \
			echo "== $$target in $$dir"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$dir || failed="$$failed $$target"; \
		done; \
	done; \
	[ -z "$$failed" ] || { echo "failed:$$failed. Each input is in testdata/fuzz of its package; keep it as a test"; exit 1; }

# By default, go test spends up to a minute on making one new input smaller, and reports an
# error if the time is over meanwhile: that is why the target has -fuzzminimizetime.
FUZZTIME ?= 10s

mutations: ## take out each row and case of the rules in turn: a test must fail; MUTANT='^need' chooses, all take half an hour
	$(GO) test -tags mutations -run TestMutations -count=1 -timeout 0 -v ./agent/approval

clean: ## remove bin and build
	rm -rf bin build
