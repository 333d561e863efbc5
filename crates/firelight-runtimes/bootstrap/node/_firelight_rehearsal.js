// Stands in for a handler while the runtime rehearses.
'use strict';

exports.handler = async () => null;
