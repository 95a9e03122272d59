# Where what was built goes, and what pkg-config says of it.

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

uninstall: ## remove what install put there
	cd $(DESTDIR)$(PREFIX) && rm -f bin/neap lib/lua/5.4/neap.so \
	  lib/libneap.a lib/libneap.so lib/libneap.so.0 lib/pkgconfig/neap.pc \
	  include/neap.h && rm -rf lib/lua/5.4/neap

# Made anew each time: PREFIX may be another one.
$(BUILD)/neap.pc: FORCE
	$(Q)mkdir -p $(@D) && printf '%s\n' 'Name: neap' 'Version: $(VERSION)' \
	  'Description: embeddable async scripting host for Lua' \
	  'Requires: $(LUA_PC) libuv' 'Libs: -L$(PREFIX)/lib -lneap -Wl,--export-dynamic' \
	  'Libs.private: -lm -lpthread' 'Cflags: -I$(PREFIX)/include' > $@
FORCE:
.PHONY: FORCE
