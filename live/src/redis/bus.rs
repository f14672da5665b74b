//! The operations of the bus as commands and scripts.

use engine::{
    Body, Bus, BusError, Entry, EntryId, GroupInfo, GroupStart, HashFields, Held, Nanos,
    PendingRow, ReadFrom, Record, Resp, SetOptions, Trim, Ttl,
};
use redis::Value;

use super::ask::{About, RedisBus, digits};
use super::reply::{self, Odd};
use super::scripts::Script;
use super::{OWN_KEYS, command};

/// More than this many entries are not asked for at once.
const COUNT_MAX: usize = 1_000_000;
/// XAUTOCLAIM sets memory aside for as many.
const CLAIM_MAX: usize = 10_000;

fn most(count: usize) -> Vec<u8> {
    digits(count.min(COUNT_MAX))
}

fn flag(value: &Value, of: &'static str) -> Result<bool, BusError> {
    Ok(reply::number(value).ok_or(Odd(of))? != 0)
}

impl RedisBus {
    fn range(
        &mut self,
        command: &'static str,
        stream: &str,
        from: EntryId,
        to: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        if count == 0 {
            return self.xlen(Nanos::ZERO, stream).map(|_| ());
        }
        let (from, to, count) = (from.to_string(), to.to_string(), most(count));
        let words: [&[u8]; 6] = [
            command.as_bytes(),
            stream.as_bytes(),
            from.as_bytes(),
            to.as_bytes(),
            b"COUNT",
            &count,
        ];
        let there = self.read(&words, stream.into())?;
        Ok(reply::entries(there, out).ok_or(Odd(command))?)
    }

    fn set_text(&mut self, key: &str, value: &[u8], options: SetOptions) -> Result<bool, BusError> {
        let life = options.expire.map(|life| digits(self.millis(life)));
        let mut words: Vec<&[u8]> = vec![b"SET", key.as_bytes(), value];
        if let Some(life) = &life {
            words.extend([b"PX".as_slice(), life]);
        }
        match (options.if_absent, options.if_present) {
            // Both never hold together, but a bad life is still an error.
            (true, true) if options.expire.is_none_or(|life| life > Nanos::ZERO) => {
                return Ok(false);
            }
            (true, _) => words.push(b"NX"),
            (false, true) => words.push(b"XX"),
            (false, false) => {}
        }
        Ok(self.write(&words, key.into())? != Value::Nil)
    }

    fn counted(&mut self, words: &[&[u8]], key: &str) -> Result<i64, BusError> {
        let after = self.once(Script::Count, words, key.into())?;
        let text = reply::text(after).ok_or(Odd("INCRBY"))?;
        Ok(text.parse().map_err(|_| Odd("INCRBY"))?)
    }

    fn hash(&mut self, key: &str) -> Result<HashFields, BusError> {
        let there = self.read(&[b"HGETALL", key.as_bytes()], key.into())?;
        Ok(reply::hash(there).ok_or(Odd("HGETALL"))?)
    }

    fn all_keys(&mut self, pattern: &str) -> Result<Vec<String>, BusError> {
        let mut cursor = b"0".to_vec();
        let mut keys = Vec::new();
        loop {
            let words: [&[u8]; 6] =
                [b"SCAN", &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", b"1000"];
            let parts = reply::list(self.read(&words, "".into())?).ok_or(Odd("SCAN"))?;
            let [next, page] = <[Value; 2]>::try_from(parts).map_err(|_| Odd("SCAN"))?;
            let page = reply::list(page).ok_or(Odd("SCAN"))?;
            keys.extend(page.into_iter().filter_map(reply::text));
            cursor = reply::bytes(next).ok_or(Odd("SCAN"))?;
            if cursor == b"0" {
                break;
            }
        }
        keys.retain(|key| !key.starts_with(OWN_KEYS));
        // A key may come twice while Redis grows its table.
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

impl Bus for RedisBus {
    fn xadd(
        &mut self,
        _now: Nanos,
        stream: &str,
        body: Body,
        trim: Trim,
    ) -> Result<EntryId, BusError> {
        let fields = body.to_fields();
        let keep = match trim {
            Trim::Keep => None,
            Trim::Exact(keep) => Some((b"=", digits(keep))),
            Trim::Approximate(keep) => Some((b"~", digits(keep))),
        };
        let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes()];
        if let Some((how, keep)) = &keep {
            words.extend([b"MAXLEN".as_slice(), how.as_slice(), keep]);
        }
        words.push(b"*");
        words.extend(fields.0.iter().flat_map(|(name, value)| [&**name, &**value]));
        let id = self.write(&words, stream.into())?;
        Ok(reply::id(id).ok_or(Odd("XADD"))?)
    }

    fn xlen(&mut self, _now: Nanos, stream: &str) -> Result<u64, BusError> {
        let length = self.read(&[b"XLEN", stream.as_bytes()], stream.into())?;
        let length = reply::number(&length).and_then(|length| u64::try_from(length).ok());
        Ok(length.ok_or(Odd("XLEN"))?)
    }

    fn xgroup_create(
        &mut self,
        _now: Nanos,
        stream: &str,
        group: &str,
        start: GroupStart,
    ) -> Result<(), BusError> {
        let start = match start {
            GroupStart::Beginning => "0".to_owned(),
            GroupStart::End => "$".to_owned(),
            GroupStart::After(id) => id.to_string(),
        };
        let words: [&[u8]; 6] = [
            b"XGROUP",
            b"CREATE",
            stream.as_bytes(),
            group.as_bytes(),
            start.as_bytes(),
            b"MKSTREAM",
        ];
        self.write(&words, About { key: stream, group }).map(|_| ())
    }

    fn xreadgroup(
        &mut self,
        now: Nanos,
        stream: &str,
        group: &str,
        consumer: &str,
        from: ReadFrom,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        if count == 0 {
            // To the server it would mean all of them.
            return self.xpending(now, stream, group, Nanos::ZERO, 1).map(|_| ());
        }
        let from = match from {
            ReadFrom::New => ">".to_owned(),
            ReadFrom::Pending(after) => after.to_string(),
        };
        let (consumer, count) = (self.consumer(consumer), most(count));
        let words: [&[u8]; 5] =
            [stream.as_bytes(), group.as_bytes(), consumer.as_bytes(), &count, from.as_bytes()];
        let read = self.once(Script::ReadGroup, &words, About { key: stream, group })?;
        Ok(reply::entries(read, out).ok_or(Odd("XREADGROUP"))?)
    }

    fn xread(
        &mut self,
        _now: Nanos,
        stream: &str,
        after: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        // What XREAD answers, without the stream's name around it.
        let next = match (after.seq.checked_add(1), after.ms.checked_add(1)) {
            (Some(seq), _) => EntryId { ms: after.ms, seq },
            (None, Some(ms)) => EntryId { ms, seq: 0 },
            (None, None) => return self.xlen(Nanos::ZERO, stream).map(|_| ()),
        };
        self.range("XRANGE", stream, next, EntryId::MAX, count, out)
    }

    fn xack(
        &mut self,
        _now: Nanos,
        stream: &str,
        group: &str,
        id: EntryId,
    ) -> Result<bool, BusError> {
        let id = id.to_string();
        let words: [&[u8]; 4] = [b"XACK", stream.as_bytes(), group.as_bytes(), id.as_bytes()];
        flag(&self.write(&words, About { key: stream, group })?, "XACK")
    }

    fn xpending(
        &mut self,
        _now: Nanos,
        stream: &str,
        group: &str,
        min_idle: Nanos,
        count: usize,
    ) -> Result<Vec<PendingRow>, BusError> {
        let (idle, count) = (digits(self.millis(min_idle).max(0)), most(count));
        let mut words: Vec<&[u8]> = vec![b"XPENDING", stream.as_bytes(), group.as_bytes()];
        if min_idle > Nanos::ZERO {
            words.extend([b"IDLE".as_slice(), &idle]);
        }
        words.extend([b"-".as_slice(), b"+", &count]);
        let rows = self.read(&words, About { key: stream, group })?;
        let rows = reply::list(rows).ok_or(Odd("XPENDING"))?.into_iter();
        let rows: Option<Vec<PendingRow>> = rows.map(reply::pending_row).collect();
        let mut rows = rows.ok_or(Odd("XPENDING"))?;
        rows.iter_mut().for_each(|row| row.idle = self.span(row.idle));
        Ok(rows)
    }

    fn xautoclaim(
        &mut self,
        _now: Nanos,
        stream: &str,
        group: &str,
        consumer: &str,
        min_idle: Nanos,
        start: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<EntryId, BusError> {
        let (consumer, start) = (self.consumer(consumer), start.to_string());
        let (idle, count) = (digits(self.millis(min_idle).max(0)), digits(count.min(CLAIM_MAX)));
        let words: [&[u8]; 6] = [
            stream.as_bytes(),
            group.as_bytes(),
            consumer.as_bytes(),
            &idle,
            start.as_bytes(),
            &count,
        ];
        let claimed = self.once(Script::AutoClaim, &words, About { key: stream, group })?;
        let parts = reply::list(claimed).and_then(|parts| <[Value; 2]>::try_from(parts).ok());
        let [cursor, entries] = parts.ok_or(Odd("XAUTOCLAIM"))?;
        reply::entries(entries, out).ok_or(Odd("XAUTOCLAIM"))?;
        Ok(reply::id(cursor).ok_or(Odd("XAUTOCLAIM"))?)
    }

    fn xinfo_groups(&mut self, _now: Nanos, stream: &str) -> Result<Vec<GroupInfo>, BusError> {
        let rows = self.read(&[b"XINFO", b"GROUPS", stream.as_bytes()], stream.into())?;
        let rows = reply::list(rows).ok_or(Odd("XINFO GROUPS"))?.into_iter();
        let rows: Option<Vec<GroupInfo>> = rows.map(reply::group).collect();
        Ok(rows.ok_or(Odd("XINFO GROUPS"))?)
    }

    fn xrange(
        &mut self,
        _now: Nanos,
        stream: &str,
        low: EntryId,
        high: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        self.range("XRANGE", stream, low, high, count, out)
    }

    fn xrevrange(
        &mut self,
        _now: Nanos,
        stream: &str,
        high: EntryId,
        low: EntryId,
        count: usize,
        out: &mut Vec<Entry>,
    ) -> Result<(), BusError> {
        self.range("XREVRANGE", stream, high, low, count, out)
    }

    fn get(&mut self, _now: Nanos, key: &str) -> Result<Option<Vec<u8>>, BusError> {
        Ok(reply::bytes(self.read(&[b"GET", key.as_bytes()], key.into())?))
    }

    fn set(
        &mut self,
        _now: Nanos,
        key: &str,
        value: &[u8],
        options: SetOptions,
    ) -> Result<bool, BusError> {
        self.set_text(key, value, options)
    }

    fn incr_by(&mut self, _now: Nanos, key: &str, by: i64) -> Result<i64, BusError> {
        let (by, key_bytes) = (digits(by), key.as_bytes());
        self.counted(&[b"3", b"INCRBY", key_bytes, &by, b"GET", key_bytes], key)
    }

    fn del(&mut self, _now: Nanos, key: &str) -> bool {
        let deleted = self.write(&[b"DEL", key.as_bytes()], key.into());
        let deleted = deleted.and_then(|deleted| flag(&deleted, "DEL"));
        self.or_nothing(deleted)
    }

    fn del_together(&mut self, _now: Nanos, keys: &[&str]) -> bool {
        let words: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        let deleted = self.once(Script::DelTogether, &words, "".into());
        let deleted = deleted.and_then(|deleted| flag(&deleted, "DEL"));
        self.or_nothing(deleted)
    }

    fn exists(&mut self, _now: Nanos, key: &str) -> bool {
        let there = self.read(&[b"EXISTS", key.as_bytes()], key.into());
        let there = there.and_then(|there| flag(&there, "EXISTS"));
        self.or_nothing(there)
    }

    fn expire(&mut self, _now: Nanos, key: &str, life: Nanos) -> bool {
        let life = digits(self.millis(life));
        let there = self.write(&[b"PEXPIRE", key.as_bytes(), &life], key.into());
        let there = there.and_then(|there| flag(&there, "PEXPIRE"));
        self.or_nothing(there)
    }

    fn ttl(&mut self, _now: Nanos, key: &str) -> Ttl {
        let left = self.read(&[b"PTTL", key.as_bytes()], key.into());
        let left = left.and_then(|left| Ok(Some(reply::number(&left).ok_or(Odd("PTTL"))?)));
        match self.or_nothing(left) {
            None | Some(-2) => Ttl::Absent,
            Some(-1) => Ttl::Persistent,
            Some(left) => Ttl::Left(self.span(Nanos::from_millis(left))),
        }
    }

    fn scan(&mut self, _now: Nanos, pattern: &str) -> Vec<String> {
        let keys = self.all_keys(pattern);
        self.or_nothing(keys)
    }

    fn hget(&mut self, _now: Nanos, key: &str, field: &str) -> Result<Option<Vec<u8>>, BusError> {
        let words: [&[u8]; 3] = [b"HGET", key.as_bytes(), field.as_bytes()];
        Ok(reply::bytes(self.read(&words, key.into())?))
    }

    fn hset(
        &mut self,
        _now: Nanos,
        key: &str,
        field: &str,
        value: &[u8],
    ) -> Result<bool, BusError> {
        let words: [&[u8]; 4] = [b"HSET", key.as_bytes(), field.as_bytes(), value];
        flag(&self.write(&words, key.into())?, "HSET")
    }

    fn hincr_by(&mut self, _now: Nanos, key: &str, field: &str, by: i64) -> Result<i64, BusError> {
        let (by, key_bytes, field) = (digits(by), key.as_bytes(), field.as_bytes());
        let words: [&[u8]; 8] =
            [b"4", b"HINCRBY", key_bytes, field, &by, b"HGET", key_bytes, field];
        self.counted(&words, key)
    }

    fn sadd(&mut self, _now: Nanos, key: &str, member: &[u8]) -> Result<bool, BusError> {
        flag(&self.write(&[b"SADD", key.as_bytes(), member], key.into())?, "SADD")
    }

    fn lpush_keep(
        &mut self,
        _now: Nanos,
        key: &str,
        value: &[u8],
        keep: usize,
    ) -> Result<(), BusError> {
        let keep = most(keep);
        self.once(Script::PushKeep, &[key.as_bytes(), value, &keep], key.into()).map(|_| ())
    }

    fn lrange(&mut self, _now: Nanos, key: &str, count: usize) -> Result<Vec<Vec<u8>>, BusError> {
        // From the second to the first there is nothing; up to -1 there is everything.
        let (from, to) = match count {
            0 => (digits(1), digits(0)),
            count => (digits(0), digits(count.min(COUNT_MAX) - 1)),
        };
        let words: [&[u8]; 4] = [b"LRANGE", key.as_bytes(), &from, &to];
        let items = reply::list(self.read(&words, key.into())?).ok_or(Odd("LRANGE"))?;
        let items: Option<Vec<Vec<u8>>> = items.into_iter().map(reply::bytes).collect();
        Ok(items.ok_or(Odd("LRANGE"))?)
    }

    fn set_record(
        &mut self,
        _now: Nanos,
        key: &str,
        record: &dyn Record,
        life: Option<Nanos>,
    ) -> Result<(), BusError> {
        let life = life.map(|life| digits(self.millis(life))).unwrap_or_default();
        let mut fields: Vec<Vec<u8>> = Vec::new();
        record.for_each_field(&mut |name, text| {
            fields.extend([name.as_bytes().to_vec(), text.as_bytes().to_vec()]);
        });
        let mut words: Vec<&[u8]> = vec![key.as_bytes(), &life];
        words.extend(fields.iter().map(Vec::as_slice));
        self.once(Script::SetRecord, &words, key.into()).map(|_| ())
    }

    fn record(&mut self, _now: Nanos, key: &str) -> Result<Held<'_, HashFields>, BusError> {
        let fields = self.hash(key)?;
        // Redis has no empty hashes.
        Ok(if fields.is_empty() { Held::Absent } else { Held::Raw(fields) })
    }

    fn hgetall(&mut self, _now: Nanos, key: &str) -> Result<HashFields, BusError> {
        self.hash(key)
    }

    fn set_json(
        &mut self,
        _now: Nanos,
        key: &str,
        record: &dyn Record,
        options: SetOptions,
    ) -> Result<bool, BusError> {
        self.set_text(key, record.to_json().to_string().as_bytes(), options)
    }

    fn execute(&mut self, _now: Nanos, words: &[&[u8]]) -> Resp {
        command::execute(self, words)
    }

    fn json_record(&mut self, now: Nanos, key: &str) -> Result<Held<'_, Vec<u8>>, BusError> {
        Ok(self.get(now, key)?.map_or(Held::Absent, Held::Raw))
    }

    fn trouble(&self) -> Option<&str> {
        self.wire.trouble().or(self.refusal.as_deref())
    }

    fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }
}
