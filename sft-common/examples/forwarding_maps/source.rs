//! What the sources say: declarations and their doc comments.

use std::{collections::BTreeMap, fs, path::Path};

use quote::ToTokens;
use syn::{Attribute, Expr, GenericArgument, Item, Lit, Meta, PathArguments, Type};

pub(crate) type Result<T> = std::result::Result<T, String>;

/// Everything of both crates that the page can name.
#[derive(Default)]
pub(crate) struct Sources {
    /// Name and documentation of every map, in the order of the sources.
    pub(crate) maps: Vec<(String, String)>,
    /// Declarations of the maps, by name.
    pub(crate) declarations: BTreeMap<String, Declaration>,
    pub(crate) records: BTreeMap<String, Record>,
    pub(crate) enumerations: BTreeMap<String, Enumeration>,
    pub(crate) constants: Vec<Constant>,
}

/// What an array of maps holds.
pub(crate) const DEVICE_MAP: &str = "device map";

/// A map as the programs declare it.
pub(crate) struct Declaration {
    pub(crate) kind: String,
    /// `None` where the key is an index.
    pub(crate) key: Option<String>,
    pub(crate) value: String,
}

pub(crate) struct Record {
    pub(crate) documentation: String,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) type_name: String,
    pub(crate) documentation: String,
}

pub(crate) struct Enumeration {
    pub(crate) documentation: String,
    /// Names and documentation; numbers go up from 0.
    pub(crate) variants: Vec<(String, String)>,
}

pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) documentation: String,
}

impl Sources {
    pub(crate) fn read() -> Result<Sources> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Sources::default();
        for file in ["maps", "drops", "extension", "flight", "keystream", "list", "replay", "slot", "source"]
        {
            for item in items(&directory.join("src").join(file).with_extension("rs"))? {
                sources.take(item)?;
            }
        }
        for item in items(&directory.join("../sft-ebpf/src/maps.rs"))? {
            if let Item::Static(map) = item {
                let declaration = declaration(&map.ty).ok_or_else(|| format!("cannot read {}", map.ident))?;
                sources.declarations.insert(map.ident.to_string(), declaration);
            }
        }
        Ok(sources)
    }

    fn take(&mut self, item: Item) -> Result<()> {
        match item {
            Item::Struct(record) => {
                let fields = record.fields.iter().filter_map(|field| {
                    Some(Field {
                        name: field.ident.as_ref()?.to_string(),
                        type_name: text(&field.ty),
                        documentation: documentation(&field.attrs),
                    })
                });
                let found = Record { documentation: documentation(&record.attrs), fields: fields.collect() };
                self.records.insert(record.ident.to_string(), found);
            }
            Item::Enum(enumeration) => {
                let mut variants = Vec::new();
                for (number, variant) in enumeration.variants.iter().enumerate() {
                    let explicit = variant.discriminant.as_ref().map(|(_, value)| text(value));
                    if explicit.is_some_and(|explicit| explicit != number.to_string()) {
                        return Err(format!("{} does not count from 0", enumeration.ident));
                    }
                    variants.push((variant.ident.to_string(), documentation(&variant.attrs)));
                }
                let found = Enumeration { documentation: documentation(&enumeration.attrs), variants };
                self.enumerations.insert(enumeration.ident.to_string(), found);
            }
            Item::Const(constant) => self.constants.push(Constant {
                name: constant.ident.to_string(),
                value: text(&constant.expr),
                documentation: documentation(&constant.attrs),
            }),
            Item::Mod(module) if module.ident == "name" => {
                for item in module.content.into_iter().flat_map(|(_, items)| items) {
                    if let Item::Const(map) = item {
                        self.maps.push((map.ident.to_string(), documentation(&map.attrs)));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn items(file: &Path) -> Result<Vec<Item>> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let parsed = syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(parsed.items)
}

/// A map's type: `Array<Value, size, flags>`, `HashMap<Key, Value, size>` and so on.
fn declaration(of: &Type) -> Option<Declaration> {
    let Type::Path(path) = of else { return None };
    let outer = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &outer.arguments else { return None };
    let mut types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(argument) => text(argument),
        other => text(other),
    });
    let (kind, key, value) = match outer.ident.to_string().as_str() {
        "Array" if arguments.args.len() == 3 => ("mmap-ed array", None, types.next()?),
        "Array" => ("array", None, types.next()?),
        "PerCpuArray" => ("per-CPU array", None, types.next()?),
        "HashMap" => ("hash", Some(types.next()?), types.next()?),
        "ArrayOfMaps" => ("array of maps", None, DEVICE_MAP.to_owned()),
        _ => return None,
    };
    Some(Declaration { kind: kind.to_owned(), key, value })
}

/// Tokens as people write them.
fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (loose, dense) in [("[ ", "["), (" ]", "]"), (" ;", ";"), (" ,", ","), (" :: ", "::")] {
        text = text.replace(loose, dense);
    }
    // Of a generic type; a shift has no space inside.
    text.replace(" < ", "<").replace(" >", ">")
}

/// Doc comments without their marks: one line per paragraph or list item.
fn documentation(attributes: &[Attribute]) -> String {
    let mut paragraphs = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        let Expr::Lit(value) = &pair.value else { continue };
        let Lit::Str(line) = &value.lit else { continue };
        if !pair.path.is_ident("doc") {
            continue;
        }
        let line = line.value();
        let line = line.trim();
        if line.is_empty() {
            paragraphs.push_str("\n\n");
        } else {
            let apart = paragraphs.is_empty() || paragraphs.ends_with('\n');
            paragraphs.push_str(if line.starts_with("* ") && !apart {
                "\n"
            } else if apart {
                ""
            } else {
                " "
            });
            paragraphs.push_str(line);
        }
    }
    paragraphs
}
