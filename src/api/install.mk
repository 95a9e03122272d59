# Where what was built goes, and what pkg-config says of it.

COMPLETIONS = share/bash-completion/completions
TYPES = share/neap/types
# Those that uninstall removes where nothing else is in them; those of the
# system stay.
OWN_DIRS = lib/lua/5.4 lib/lua lib/pkgconfig $(COMPLETIONS) share/bash-completion \
           share/man/man1 \
           $(if $(filter /usr /usr/local,$(DESTDIR)$(PREFIX)),,bin lib include share/man share .)

install: all ## install below $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BUILD)/neap $(DESTDIR)$(PREFIX)/bin/neap
	install -D -m 755 $(BUILD)/neap.so $(DESTDIR)$(PREFIX)/lib/lua/5.4/neap.so
	for so in $(PROTO); do install -D -m 755 $(PROTO_DIR)/$$so.so \
	  $(DESTDIR)$(PREFIX)/lib/lua/5.4/neap/$$so.so || exit; done
	install -D -m 644 $(BUILD)/libneap.a $(DESTDIR)$(PREFIX)/lib/libneap.a
	install -D -m 755 $(BUILD)/libneap.so $(DESTDIR)$(PREFIX)/lib/libneap.so.0
	ln -sf libneap.so.0 $(DESTDIR)$(PREFIX)/lib/libneap.so
	install -D -m 644 $(BUILD)/neap.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/neap.pc
	install -D -m 644 src/neap.h $(DESTDIR)$(PREFIX)/include/neap.h
	install -D -m 644 src/api/neap.bash $(DESTDIR)$(PREFIX)/$(COMPLETIONS)/neap
	install -D -m 644 doc/neap.1 $(DESTDIR)$(PREFIX)/share/man/man1/neap.1
	for file in $$(cd doc/types && find neap -name '*.lua'); do install -D -m 644 \
	  doc/types/$$file $(DESTDIR)$(PREFIX)/$(TYPES)/$$file || exit; done

uninstall: ## remove what install put there
	cd $(DESTDIR)$(PREFIX) && rm -f bin/neap lib/lua/5.4/neap.so \
	  lib/libneap.a lib/libneap.so lib/libneap.so.0 lib/pkgconfig/neap.pc \
	  include/neap.h $(COMPLETIONS)/neap share/man/man1/neap.1 && rm -rf lib/lua/5.4/neap share/neap
	for d in $(OWN_DIRS); do rmdir "$$(readlink -f $(DESTDIR)$(PREFIX)/$$d)" \
	  2>/dev/null; done; true

# The module alone, for `luarocks make` (see the rockspec).
rock: $(BUILD)/neap.so $(PROTO_SO)
rock-install: rock
	install -D -m 755 $(BUILD)/neap.so $(ROCK_LIBDIR)/neap.so
	for so in $(PROTO); do install -D -m 755 $(PROTO_DIR)/$$so.so \
	  $(ROCK_LIBDIR)/neap/$$so.so || exit; done

# Made anew each time: PREFIX may be another one.
$(BUILD)/neap.pc: FORCE
	$(Q)mkdir -p $(@D) && printf '%s\n' 'Name: neap' 'Version: $(VERSION)' \
	  'Description: embeddable async scripting host for Lua' \
	  'Requires: $(LUA_PC) libuv' 'Libs: -L$(PREFIX)/lib -lneap -Wl,--export-dynamic' \
	  'Libs.private: -lm -lpthread' 'Cflags: -I$(PREFIX)/include' > $@
FORCE:
.PHONY: FORCE rock rock-install fresh

fresh: ## follow the README in a fresh Debian 12 and 13 (root, debootstrap)
	@.ci/fresh
