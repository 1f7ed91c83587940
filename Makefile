# make demo    builds journalban and shows what it does, in a sandbox of its own
# make test    installs what the tests need and runs all of them
# make         builds target/release/journalban
# make install [DESTDIR=] [PREFIX=/usr]

PREFIX = /usr
DESTDIR =
CARGO = cargo
BINARY = $(or $(CARGO_TARGET_DIR),target)/release/journalban
# Tests and demo need root; as somebody else, sudo asks.
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)

bindir = $(DESTDIR)$(PREFIX)/bin
libdir = $(DESTDIR)$(PREFIX)/lib
mandir = $(DESTDIR)$(PREFIX)/share/man
docdir = $(DESTDIR)$(PREFIX)/share/doc/journalban
UNITS = $(notdir $(wildcard units/*.service units/*.socket))
INSTALL_FILE = install -D -m 0644

.PHONY: all build install uninstall demo test bench deps rust
all: build

build:
	$(CARGO) build --release --locked

# Only if it is not there: `make install` as root, or on a machine without Rust, builds nothing.
$(BINARY):
	$(CARGO) build --release --locked

install: | $(BINARY)
	install -D -m 0755 $(BINARY) $(bindir)/journalban
	install -d $(libdir)/systemd/system $(libdir)/journalban/filters $(libdir)/journalban/jails \
		$(libdir)/journalban/hooks
	for unit in $(UNITS); do \
		sed 's|/usr/bin/journalban|$(PREFIX)/bin/journalban|' units/$$unit \
			> $(libdir)/systemd/system/$$unit && \
		chmod 0644 $(libdir)/systemd/system/$$unit || exit; done
	$(INSTALL_FILE) units/journalban.sysusers $(libdir)/sysusers.d/journalban.conf
	$(INSTALL_FILE) units/journalban.catalog $(libdir)/systemd/catalog/journalban.catalog
	for file in $(wildcard filters/*.toml jails/*.toml); do \
		$(INSTALL_FILE) $$file $(libdir)/journalban/$$file || exit; done
	for file in $(notdir $(wildcard units/hooks/*.toml)); do \
		$(INSTALL_FILE) units/hooks/$$file $(libdir)/journalban/hooks/$$file || exit; done
	for page in $(notdir $(wildcard man/*.[58])); do \
		$(INSTALL_FILE) man/$$page $(mandir)/man$${page##*.}/$$page || exit; done
	$(INSTALL_FILE) LICENSE $(docdir)/LICENSE
	install -d $(DESTDIR)/etc/journalban/jail.d $(DESTDIR)/etc/journalban/filter.d \
		$(DESTDIR)/etc/journalban/hook.d
ifeq ($(DESTDIR),)
	if command -v systemd-sysusers >/dev/null; then systemd-sysusers journalban.conf; fi
	if command -v journalctl >/dev/null; then journalctl --update-catalog; fi
	if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
endif

# Leaves the configuration in /etc, the state in /var/lib and the user: they are the administrator's.
uninstall:
	rm -f $(bindir)/journalban $(addprefix $(libdir)/systemd/system/,$(UNITS)) \
		$(libdir)/sysusers.d/journalban.conf $(libdir)/systemd/catalog/journalban.catalog \
		$(mandir)/man8/journalban.8 $(mandir)/man5/journalban.toml.5 \
		$(mandir)/man5/journalban-hook.5
	rm -rf $(libdir)/journalban $(docdir)

rust:
	@command -v $(CARGO) >/dev/null || { echo 'cargo not found; Rust: https://rustup.rs' >&2; exit 1; }

deps: rust
	$(SUDO) tests/deps.sh test

demo: rust
	$(SUDO) tests/deps.sh demo
	$(CARGO) build --release --locked --quiet
	$(SUDO) tests/demo/run.sh $(BINARY)

# Tests that need root run as root; the build does not.
test: deps
	$(CARGO) test --locked $(if $(SUDO),--config 'target."cfg(all())".runner="sudo -E"')

bench: rust
	$(SUDO) tests/deps.sh bench
	$(CARGO) bench --locked $(if $(SUDO),--config 'target."cfg(all())".runner="sudo -E"')
